"""Boxes of many scenes, read scene by scene: from Parquet, or from an info file where there is nothing else."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from t4zoo.boxes import BoxTable
from t4zoo.errors import T4zooError
from t4zoo.info import Frame, Predictions, load
from t4zoo.parquet import BoxFile


class SourceError(T4zooError):
    """A file that holds what is no box."""


@dataclass(frozen=True, eq=False)
class SceneBoxes:
    """One scene's frames, and the boxes in them."""

    scene: str
    frames: tuple[Frame, ...]
    boxes: BoxTable


@dataclass(frozen=True, eq=False)
class Source:
    """Who said these boxes (`name`), in which file, of which classes.

    extra: the file's further metainfo. scenes: `{T4 id}/{revision}` of each, in the file's order.
    """

    name: str
    path: Path
    classes: tuple[str, ...]
    extra: dict[str, Any]
    scenes: tuple[str, ...]
    _read: Callable[[int], SceneBoxes]

    def read(self, scene: str) -> SceneBoxes:
        """The boxes of a scene; none where the file does not know it. Raises SourceError for what is no box."""
        if scene not in self.scenes:
            return SceneBoxes(scene, (), BoxTable.of(()))
        found = self._read(self.scenes.index(scene))
        if problem := _problem(found.boxes, len(self.classes)):
            raise SourceError(f"{self.path}: {scene} has {problem}; make the file again")
        return found


def open_parquet(name: str, path: Path) -> Source:
    """The boxes of a Parquet file. Raises ParquetError."""
    file = BoxFile(path)

    def read(index: int) -> SceneBoxes:
        return SceneBoxes(file.scenes[index], file.frames(index), file.boxes(index))

    return Source(name, path, file.classes, file.extra, file.scenes, read)


def open_pickle(name: str, path: Path) -> Source:
    """The boxes of an info file's `pred_instances_3d`; the file is held in memory whole. Raises InfoError."""
    info = load(path)
    scenes = by_scene(info.frames)
    names = tuple(scenes)

    def read(index: int) -> SceneBoxes:
        frames = scenes[names[index]]
        boxes = BoxTable.of([_identified(frame.predictions or Predictions.empty()) for frame in frames])
        return SceneBoxes(names[index], tuple(frames), boxes)

    return Source(name, path, info.classes, info.extra, names, read)


def _identified(rows: Predictions) -> Predictions:
    """With uuids as ids, as other tools' files need not have them."""
    return dataclasses.replace(rows, ids=tuple(map(_uuid, rows.ids)))


def _uuid(name: str) -> str:
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def nothing(name: str, path: Path) -> Source:
    """A source that says nothing of any scene, in place of a file that is not there."""
    return Source(name, path, (), {}, (), lambda index: SceneBoxes("", (), BoxTable.of(())))


def by_scene(frames: Sequence[Frame]) -> dict[str, list[Frame]]:
    """The frames of each scene, in their order."""
    scenes: dict[str, list[Frame]] = {}
    for scene, group in itertools.groupby(frames, key=lambda frame: frame.scene):
        scenes.setdefault(scene, []).extend(group)
    return scenes


def _problem(boxes: BoxTable, classes: int) -> str:
    if ((boxes.labels < 0) | (boxes.labels >= classes)).any():
        return "a box of none of the file's classes"
    if not np.isfinite(boxes.boxes).all() or (boxes.boxes[:, 3:6] <= 0).any():
        return "a box that is not finite or has no size"
    return "" if ((boxes.scores >= 0) & (boxes.scores <= 1)).all() else "a score that is not within 0 and 1"
