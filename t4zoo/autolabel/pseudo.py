"""Pseudo T4 scenes: copies of the scenes that were labelled, with the labels as their annotation."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from t4zoo.autolabel.ensemble import Labels
from t4zoo.autolabel.identity import pseudo_id
from t4zoo.errors import T4zooError
from t4zoo.geometry import apply, compose, quaternion_from_rotation, rotate, rotation_from_yaw
from t4zoo.info import Frame
from t4zoo.t4.reader import read_scene
from t4zoo.t4.tables import AutolabelMetadata
from t4zoo.t4.writer import Box, with_boxes, write_annotation

COPIED = ("data", "map", "status.json")  # of a scene, where it has them; its recording is not


class PseudoError(T4zooError):
    """A folder in which no pseudo scenes may be written."""


def write_scenes(
    source: Path,
    target: Path,
    frames: Sequence[Frame],
    labels: Sequence[Labels],
    classes: Sequence[str],
    models: Sequence[str],
) -> list[str]:
    """Write a pseudo scene for each scene of `frames` into `target`, whole or not at all; their ids, sorted.

    source: the folder of the input's scenes; it is only read. frames: with instances, `labels[i]` being of
    `frames[i]`. models: the names with which the models sign. Pseudo scenes that stood in `target` are replaced.
    Raises PseudoError when `target` holds anything else, ReadError for a broken input scene.
    """
    _check_target(source, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    boxes: dict[str, list[Box]] = {scene: [] for scene in sorted({frame.scene for frame in frames})}
    for frame, found in zip(frames, labels, strict=True):
        boxes[frame.scene] += boxes_of(frame, found, classes, models)
    try:
        for scene, rows in boxes.items():
            _write_scene(source / scene, temporary / pseudo_id(scene), scene, rows, classes)
        temporary.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return [pseudo_id(scene) for scene in boxes]


def boxes_of(frame: Frame, labels: Labels, classes: Sequence[str], models: Sequence[str]) -> list[Box]:
    """The labels of one frame in the map frame, each signed by its model with its score.

    Every box is an object of its own: nothing has been tracked.
    """
    to_map = compose(frame.ego2global, frame.lidar2ego)
    rows = labels.boxes
    centres = apply(to_map, rows.boxes[:, :3])
    velocities = rotate(to_map[:3, :3], np.column_stack([rows.velocities, np.zeros(len(rows))]))
    return [
        Box(
            track=rows.ids[i],
            category=classes[rows.labels[i]],
            sample_token=frame.token,
            translation=_vector(centres[i]),
            size=_vector(rows.boxes[i, [4, 3, 5]]),  # width before length
            rotation=quaternion_from_rotation(compose(to_map[:3, :3], rotation_from_yaw(float(rows.boxes[i, 6])))),
            num_lidar_pts=int(frame.instances.num_lidar_pts[i]),
            velocity=None if np.isnan(velocities[i]).any() else _vector(velocities[i]),
            models=(AutolabelMetadata(models[labels.models[i]], float(rows.scores[i])),),
        )
        for i in range(len(rows))
    ]


def _vector(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z


def _write_scene(source: Path, target: Path, scene: str, boxes: list[Box], classes: Sequence[str]) -> None:
    tables = read_scene(source).tables
    write_annotation(target / "annotation", with_boxes(tables, pseudo_id(scene), boxes, classes))
    for name in COPIED:
        for path in sorted([source / name] if (source / name).is_file() else (source / name).rglob("*")):
            if path.is_file():
                copy_file(path, target / path.relative_to(source))


def copy_file(source: Path, target: Path) -> None:
    """Copy the bytes of a file; on file systems that can share blocks until one copy changes, without using space.

    Not a link: where DVC is told to link its outs, it makes the linked input read-only and part of its cache.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as read, target.open("xb") as written:
        try:
            while os.copy_file_range(read.fileno(), written.fileno(), 1 << 30):
                pass
        except (AttributeError, OSError):  # not Linux, or two file systems
            read.seek(0)
            written.truncate(0)
            shutil.copyfileobj(read, written)


def _check_target(source: Path, target: Path) -> None:
    inner, outer = source.resolve(), target.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise PseudoError(f"{target}: pseudo scenes cannot be written where their input is, {source}")
    if target.exists() and (inner.parent in outer.parents or not target.is_dir()):
        what = "a file" if target.is_file() else f"beside {source}, and may be somebody's input"
        raise PseudoError(f"{target}: is {what}; remove it or write elsewhere")
    for scene in sorted(target.iterdir()) if target.is_dir() else []:
        for path in sorted(scene.iterdir()) if scene.is_dir() else [scene]:
            if not (path / "annotation").is_dir():
                raise PseudoError(f"{target}: holds {path.name}, which is no T4 scene; remove it or write elsewhere")
