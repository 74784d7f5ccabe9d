"""Raw predictions in, labels out, scene by scene: thresholds, ensemble, filters, points inside, tracking."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.ensemble import merge
from t4zoo.autolabel.exclude import enough_points, exclude
from t4zoo.autolabel.filter import threshold
from t4zoo.autolabel.labels import Labels, SceneLabels
from t4zoo.autolabel.raw import Raw, RawScene
from t4zoo.autolabel.rules import Ensemble
from t4zoo.autolabel.tracking.rules import TrackingRules
from t4zoo.autolabel.tracking.tracker import track
from t4zoo.info import Frame
from t4zoo.points import points_in_boxes_count, read_points


class Counts:
    """How many boxes of each class there were after each step, in the scenes that were labelled so far.

    raw, kept: (models, classes) of each model, before and after its thresholds. merged, filtered, final: (classes,)
    after the ensemble, the filters and the tracking. frames, scenes: numbers of them.
    """

    def __init__(self, models: int, classes: int) -> None:
        self.raw = np.zeros((models, classes), dtype=np.int64)
        self.kept = np.zeros((models, classes), dtype=np.int64)
        self.merged, self.filtered, self.final = (np.zeros(classes, dtype=np.int64) for _ in range(3))
        self.frames = self.scenes = 0


class Labelling:
    """The labels of a set: each iteration gives its scenes in the order of the raw files, one in memory at a time.

    classes: what labels index. models: the names with which the ensemble's models sign. dataset: the scenes' folder.
    counts: of the scenes that were given since the iteration began; of all of them once it has ended.
    """

    def __init__(self, raw: Raw, ensemble: Ensemble, tracking: TrackingRules, data_root: Path) -> None:
        """The clouds below `data_root` are read, to count points."""
        self.dataset, self.classes, self.models, self.scenes = raw.dataset, raw.classes, raw.models, raw.scenes
        self._raw, self._ensemble, self._tracking, self._data_root = raw, ensemble, tracking, data_root
        self.counts = Counts(len(self.models), len(self.classes))

    def __iter__(self) -> Iterator[SceneLabels]:
        """Raises RawError for boxes that no scene may hold, PointsError for a cloud that cannot be read."""
        self.counts = Counts(len(self.models), len(self.classes))
        for scene in self._raw:
            self.counts.scenes += 1
            self.counts.frames += len(scene.frames)
            yield SceneLabels(scene.frames, self._label(scene))

    def _label(self, scene: RawScene) -> Labels:
        kept = []
        for index, (boxes, rules) in enumerate(zip(scene.boxes, self._ensemble.models, strict=True)):
            kept.append(threshold(boxes, self.classes, rules))
            self.counts.raw[index] += self._count(boxes.labels)
            self.counts.kept[index] += self._count(kept[index].labels)
        labels = merge(kept, self.classes, self._ensemble)
        self.counts.merged += self._count(labels.boxes.labels)
        labels = self._filter(labels, scene.frames)
        self.counts.filtered += self._count(labels.boxes.labels)
        labels = track(labels, scene.frames, self.classes, self._tracking)
        self.counts.final += self._count(labels.boxes.labels)
        resized = self._tracking.kalman is not None and self._tracking.kalman.smoothing.size != "keep"
        if resized or (labels.num_lidar_pts < 0).any():
            labels = count_inside(labels, scene.frames, self._data_root)
        return labels

    def _filter(self, labels: Labels, frames: Sequence[Frame]) -> Labels:
        labels = exclude(labels, frames, self.classes, self._ensemble)
        if not self._ensemble.filters.points:
            return labels
        labels = count_inside(labels, frames, self._data_root)
        return labels.take(enough_points(labels, self.classes, self._ensemble.filters))

    def _count(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(labels, minlength=len(self.classes))


def count_inside(labels: Labels, frames: Sequence[Frame], data_root: Path) -> Labels:
    """The labels with the numbers of points inside, of the clouds below `data_root`; those without labels stay shut."""
    starts = labels.boxes.starts
    counts = np.zeros(len(labels), dtype=np.int64)
    for frame, start, end in zip(frames, starts[:-1], starts[1:], strict=True):
        if start < end:
            points = read_points(data_root / frame.lidar_path, frame.num_pts_feats)
            counts[start:end] = points_in_boxes_count(points, labels.boxes.boxes[start:end])
    return dataclasses.replace(labels, num_lidar_pts=counts)
