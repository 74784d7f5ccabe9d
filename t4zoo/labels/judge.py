"""Which boxes are right, counted scene by scene: by class, range band, centre distance and score.

The matching is that of `t4zoo.evaluate`, so that average precision here is the one that a model's evaluation tells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from t4zoo.boxes import BoxTable
from t4zoo.evaluate.boxes import Boxes, truth_of
from t4zoo.evaluate.precision import RECALLS, Curve, average_precision, match
from t4zoo.info import Array, Frame, Instances


@dataclass(frozen=True, eq=False)
class Matches:
    """The boxes of one class in one band. scores: (N,). hits: (N, D), right at each distance. truths: objects."""

    scores: Array
    hits: NDArray[np.bool_]
    truths: int

    def precision(self, score: float, column: int) -> float:
        """The share of right boxes among those with at least this score; NaN where there is none."""
        left = self.scores >= score
        return float(self.hits[left, column].mean()) if left.any() else math.nan

    def recall(self, score: float, column: int) -> float:
        """The share of the objects that boxes with at least this score find; NaN where there is no object."""
        found = np.count_nonzero(self.hits[self.scores >= score, column])
        return found / self.truths if self.truths else math.nan

    def average_precision(self, column: int, min_recall: float, min_precision: float) -> float:
        """As `t4zoo.evaluate` computes it; NaN where there is no object."""
        if not self.truths:
            return math.nan
        order = np.argsort(self.scores, kind="stable")[::-1]
        hit = self.hits[order, column]
        if not hit.any():
            return 0.0
        found = np.cumsum(hit)
        precision = np.interp(RECALLS, found / self.truths, found / np.arange(1, len(hit) + 1), right=0.0)
        return average_precision(Curve(precision, precision, {}), min_recall, min_precision)


class Judge:
    """Takes the boxes of one scene after the other, and keeps of each its score and whether it was right.

    bands: (low, high) distances from the ego [m]. distances: between centres [m].
    """

    def __init__(
        self, classes: Sequence[str], bands: Sequence[tuple[float, float]], distances: Sequence[float]
    ) -> None:
        self.classes, self.bands, self.distances = tuple(classes), tuple(bands), tuple(distances)
        self._scores: dict[tuple[int, int], list[Array]] = {}
        self._hits: dict[tuple[int, int], list[NDArray[np.bool_]]] = {}
        self._truths = np.zeros((len(self.classes), len(self.bands)), dtype=np.int64)

    def add(self, truth: Boxes, said: Boxes) -> None:
        """Match the boxes of a scene with the objects in it; both index the same frames and classes."""
        for label in range(len(self.classes)):
            objects, boxes = truth.take(truth.labels == label), said.take(said.labels == label)
            for band, (low, high) in enumerate(self.bands):
                self._add(label, band, objects.within(low, high), boxes.within(low, high))

    def _add(self, label: int, band: int, truth: Boxes, said: Boxes) -> None:
        hits = np.zeros((len(said), len(self.distances)), dtype=bool)
        for column, distance in enumerate(self.distances):
            hits[:, column] = right(truth, said, distance)
        self._truths[label, band] += len(truth)
        self._scores.setdefault((label, band), []).append(said.scores)
        self._hits.setdefault((label, band), []).append(hits)

    def matches(self, label: int, band: int) -> Matches:
        """What is known of a class in a band."""
        scores, hits = self._scores.get((label, band), []), self._hits.get((label, band), [])
        none = np.zeros((0, len(self.distances)), dtype=bool)
        truths = int(self._truths[label, band])
        return Matches(np.concatenate([np.zeros(0), *scores]), np.concatenate([none, *hits]), truths)


def right(truth: Boxes, said: Boxes, distance: float) -> NDArray[np.bool_]:
    """(len(said),) which boxes take an object nearer than `distance` [m], the surest box first.

    Of equal scores the later box goes first, as in `t4zoo.evaluate`.
    """
    order = np.argsort(said.scores, kind="stable")[::-1]
    hits = np.zeros(len(said), dtype=bool)
    hits[order] = match(truth, said.take(order), distance) >= 0
    return hits


def boxes_of(frames: Sequence[Frame], table: BoxTable) -> Boxes:
    """The boxes of a scene's frames as the metrics want them."""
    rows = table.frames
    poses = np.array([frame.lidar2ego for frame in frames]).reshape(-1, 4, 4)[rows]
    centres = np.einsum("nij,nj->ni", poses[:, :2, :3], table.boxes[:, :3]) + poses[:, :2, 3]
    return Boxes(rows, centres, table.boxes[:, 3:6], table.boxes[:, 6], table.velocities, table.labels, table.scores)


def side_by_side(frames: Sequence[Frame], table: BoxTable, annotated: Sequence[Frame | None]) -> tuple[Boxes, Boxes]:
    """The objects that count in a scene, and the boxes of those of its frames that are annotated.

    annotated: the truth of each of `frames`, its labels indexing the classes that the table's labels index.
    """
    known = np.array([truth is not None for truth in annotated], dtype=bool)
    truths = [
        truth or replace(frame, instances=Instances.empty()) for frame, truth in zip(frames, annotated, strict=True)
    ]
    return truth_of(truths), boxes_of(frames, table.take(known[table.frames]))
