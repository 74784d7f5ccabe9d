"""Small auto_label folders whose figures can be counted by hand, as predict and autolabel write them."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from t4zoo.boxes import BoxTable
from t4zoo.info import Frame, Info, Instances, Predictions, save
from t4zoo.parquet import writing

CLASSES = ("car", "pedestrian")
SCENE = "scene-1/0"
MODEL = "CenterPoint-t4base"
SIZES = {"car": (4.0, 2.0, 1.5), "van": (5.0, 2.0, 2.0), "pedestrian": (0.6, 0.6, 1.8)}

# class, x, y [m], score, and where it matters yaw [rad] and how much larger than usual
Row = tuple[str, float, float, float] | tuple[str, float, float, float, float, float]
Rows = Sequence[Row]

ENSEMBLE = """\
# two classes, one model
models: # in the order in which they win ties
  CenterPoint-t4base:
    weight: 1.0 # only to decide
    use_label: [car, pedestrian]
    confidence_thresholds: {car: 0.35, pedestrian: 0.40} # least score kept
label_groups: [[car], [pedestrian]]
iou_threshold: 0.20
"""


def box(row: Sequence[Any]) -> list[float]:
    name, x, y, _, yaw, larger = *row, *(1.0, 0.0, 1.0)[len(row) - 3 :]
    return [x, y, 0.5, *(larger * size for size in SIZES[name]), yaw]


def frames(count: int, scene: str = SCENE, step: float = 0.1) -> list[Frame]:
    """Frames `step` seconds apart in which lidar, ego and map are one."""
    return [
        Frame(
            sample_idx=index,
            token=f"{scene.partition('/')[0]}-token-{index}",
            timestamp=100.0 + step * index,
            scene=scene,
            scene_token="",
            scene_name="",
            location="",
            lidar_path=f"raw_v1/{scene}/data/LIDAR_CONCAT/{index:05d}.pcd.bin",
            num_pts_feats=5,
            lidar2ego=np.eye(4),
            ego2global=np.eye(4),
        )
        for index in range(count)
    ]


def predictions(rows: Rows, seed: str, classes: Sequence[str] = CLASSES) -> Predictions:
    return Predictions(
        np.array([box(row) for row in rows]).reshape(-1, 7),
        np.zeros((len(rows), 2)),
        np.array([classes.index(row[0]) for row in rows], dtype=np.int64),
        np.array([row[3] for row in rows], dtype=np.float64),
        tuple(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{i}")) for i in range(len(rows))),
    )


def instances(
    rows: Sequence[Sequence[Any]],
    classes: Sequence[str] = CLASSES,
    tracks: Sequence[str] = (),
    points: int | Sequence[int] = 10,
) -> Instances:
    """Rows begin with class, x, y."""
    return Instances(
        np.array([box(row) for row in rows]).reshape(-1, 7),
        np.zeros((len(rows), 2)),
        np.array([classes.index(row[0]) for row in rows], dtype=np.int64),
        np.broadcast_to(np.asarray(points, dtype=np.int64), len(rows)),
        np.zeros(len(rows), dtype=np.int64),
        tuple(row[0] for row in rows),
        ((),) * len(rows),
        tuple(tracks) or tuple(str(i) for i in range(len(rows))),
    )


def write_truth(path: Path, scenes: Mapping[str, Sequence[Rows]], classes: Sequence[str] = CLASSES) -> Path:
    """An info file whose objects stand where the rows say; their scores do not count."""
    made = [
        dataclasses.replace(frame, instances=instances(rows, classes))
        for scene, every in scenes.items()
        for frame, rows in zip(frames(len(every), scene), every, strict=True)
    ]
    save(path, Info(tuple(classes), "base", tuple(made)))
    return path


def write_raw(
    folder: Path, scenes: Mapping[str, Sequence[Rows]], model: str = MODEL, classes: Sequence[str] = CLASSES
) -> None:
    """raw/pseudo_infos_raw_{model}.parquet, as predict writes it."""
    signed = {"model": {"name": f"{model.replace('-', '/')}@v1.0.0", "checkpoint_sha256": "0" * 64}}
    with writing(folder / "raw" / f"pseudo_infos_raw_{model}.parquet", classes, "raw_v1", signed) as add:
        for scene, every in scenes.items():
            made = [predictions(rows, f"{model}/{scene}/{i}", classes) for i, rows in enumerate(every)]
            add(frames(len(every), scene), BoxTable.of(made))


def write_labels(
    folder: Path,
    scenes: Mapping[str, Sequence[Rows]],
    tracks: Sequence[Sequence[str]] = (),
    points: int = 10,
    extra: Mapping[str, Any] | None = None,
    seed: str = "label",
    step: float = 0.1,
) -> None:
    """pseudo_infos_filtered.pkl and info_all.pkl, as autolabel writes them; tracks: of each frame's rows, in order."""
    filtered, everything = [], []
    names = iter(tracks)
    for scene, every in scenes.items():
        for frame, rows in zip(frames(len(every), scene, step), every, strict=True):
            said = predictions(rows, f"{seed}/{scene}/{frame.sample_idx}")
            filtered.append(dataclasses.replace(frame, predictions=said))
            objects = instances(rows, tracks=next(names, said.ids), points=points)
            everything.append(dataclasses.replace(frame, instances=objects))
    meta = dict(extra or {"models": ["CenterPoint/t4base@v1.0.0"]})
    save(folder / "pseudo_infos_filtered.pkl", Info(CLASSES, "raw_v1", tuple(filtered), meta))
    save(folder / "info_all.pkl", Info(CLASSES, folder.name, tuple(everything), meta))


def write_ensemble(path: Path, text: str = ENSEMBLE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def parsed(text: str) -> Any:
    return yaml.safe_load(text)
