"""A workspace with scenes that were predicted: real clouds, and predictions made from what really stands there."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

import numpy as np

from t4zoo.autolabel.raw import raw_file
from t4zoo.autolabel.scenes import read_frames
from t4zoo.boxes import BoxTable
from t4zoo.info import Frame, Predictions
from t4zoo.parquet import writing
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import read_scene
from t4zoo.t4.synth_scene import CONCAT, TURNED_TOP, ScenePlan, write_scene

CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")
DATASET = "raw_v1"
SET = "20241101_raw"
LABELS = LabelMap(CLASSES, {name: name for name in CLASSES}, (), 0.0, frozenset())
TRUTH = FrameSettings(LABELS, max_sweeps=0)


def make_workspace(root: Path) -> Path:
    """`root` with data/t4dataset of two scenes: one turned lidar, and one scene without revision folder."""
    for number, mount in enumerate((CONCAT, TURNED_TOP)):
        for dataset, annotated in ((DATASET, False), ("truth_v1", True)):
            plan = ScenePlan(DATASET, "test", number, 2, mount, annotated=annotated)
            folder = root / "data" / "t4dataset" / dataset / plan.id
            write_scene(folder / "3" if number == 0 else folder, plan)
    return root


def truth_frames(root: Path) -> tuple[Frame, ...]:
    """The frames of the same scenes, annotated."""
    folder = root / "data" / "t4dataset" / "truth_v1"
    return tuple(frame for path in sorted(folder.iterdir()) for frame in frames_of(read_scene(path), DATASET, TRUTH))


def predict_truth(
    root: Path, model: str, seed: int, shift: float = 0.0, classes: tuple[str, ...] = CLASSES, stretch: float = 0.0
) -> Path:
    """Write the raw predictions of a model that finds every object, `shift` metres off, with random scores.

    stretch: up to which share lengths, widths and heights are wrong, of each box another.
    """
    rng = np.random.default_rng(seed)
    frames = read_frames(root / "data" / "t4dataset", DATASET, max_sweeps=1)
    by_scene: dict[str, tuple[list[Frame], list[Predictions]]] = {}
    for frame, truth in zip(frames, truth_frames(root), strict=True):
        assert frame.token == truth.token
        rows = truth.instances
        boxes = rows.boxes + np.array([shift, 0, 0, 0, 0, 0, 0])
        if stretch:
            boxes[:, 3:6] *= 1 + rng.uniform(-stretch, stretch, (len(boxes), 3))
        labels = np.array([classes.index(CLASSES[label]) for label in rows.labels], dtype=np.int64)
        names = (f"{model}/{frame.token}/{i}" for i in range(len(rows)))
        ids = tuple(str(uuid.uuid5(uuid.NAMESPACE_URL, name)) for name in names)
        listed, predicted = by_scene.setdefault(frame.scene, ([], []))
        listed.append(frame)
        predicted.append(Predictions(boxes, rows.velocities, labels, np.round(rng.random(len(rows)), 6), ids))
    path = raw_file(root / "auto_label" / SET / "raw", model)
    signed = {"model": {"name": f"{model.replace('-', '/')}@v1.0.0", "checkpoint_sha256": "0" * 64}}
    with writing(path, classes, DATASET, signed) as write:
        for listed, predicted in by_scene.values():
            write(listed, BoxTable.of(predicted))
    return path


def digests(folder: Path) -> dict[str, str]:
    """Every file below `folder` with its sha256 and its mode."""
    return {
        path.relative_to(folder).as_posix(): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mode:o}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
