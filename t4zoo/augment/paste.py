"""Objects of other frames put into a frame, where there is room, so that rare classes are seen more often."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from t4zoo.augment.objects import Array, Objects, Points, inside

Labels = NDArray[np.int64]

TRIES = 10  # for each object that is wanted; on a full street most of them find no room

_CORNERS = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])  # of a unit square


class Paste:
    """Fills a frame up to so many objects of each class.

    An object stands where it stood in its own frame, height and heading included: there the lidar saw it from the same
    side and as densely. One that would overlap a box is left out. The scene's points inside of it are removed; what
    stands behind it keeps its points, although it would be in its shadow.
    Source: Yan, Mao, Li, "SECOND", Sensors 2018, section 3.4.1.

    objects: to choose from. per_frame: label -> how many. in_range: (M, 7) boxes -> (M,) which of them count.
    """

    def __init__(
        self, objects: Objects, per_frame: Mapping[int, int], in_range: Callable[[Array], NDArray[np.bool_]]
    ) -> None:
        self.objects, self.per_frame, self.in_range = objects, dict(sorted(per_frame.items())), in_range
        self.of = {label: np.flatnonzero(objects.labels == label) for label in self.per_frame}

    def choose(self, rng: np.random.Generator, labels: Labels, occupied: Array) -> list[int]:
        """The numbers of the objects for a frame with the (N,) `labels`; (M, 7) boxes are where there is no room."""
        chosen: list[int] = []
        for label, most in self.per_frame.items():
            there = self.of[label]
            wanted = max(most - int(np.count_nonzero(labels == label)), 0)
            for number in rng.choice(there, min(TRIES * wanted, len(there)), replace=False).tolist():
                box = self.objects.boxes[number]
                if wanted and not overlaps(box, occupied).any():
                    occupied = np.concatenate([occupied, box[None]])
                    chosen.append(number)
                    wanted -= 1
        return chosen

    def __call__(
        self, rng: np.random.Generator, points: Points, boxes: Array, velocities: Array, labels: Labels, ignored: Array
    ) -> tuple[Points, Array, Array, Labels]:
        """The frame's (N, 5) points, (M, 7) boxes, (M, 2) velocities and (M,) labels, and behind them what came in.

        ignored: (K, 7) boxes of the frame that are not learnt, but stand there.
        """
        chosen = self.choose(rng, labels[self.in_range(boxes)], np.concatenate([boxes, ignored]))
        for number in chosen:
            points = points[~inside(points, self.objects.boxes[number], self.objects.velocities[number])]
        return (
            np.concatenate([points, *(self.objects.points(number) for number in chosen)]),
            np.concatenate([boxes, self.objects.boxes[chosen]]),
            np.concatenate([velocities, self.objects.velocities[chosen]]),
            np.concatenate([labels, self.objects.labels[chosen]]),
        )


def overlaps(box: Array, others: Array) -> NDArray[np.bool_]:
    """(M,) whether the (7,) box shares ground with each of the (M, 7) others, seen from above.

    Two rectangles are apart exactly when, along one side of one of them, all corners of one come before the other's.
    Source: Gottschalk, Lin, Manocha, "OBBTree", 1996, the separating axis test.
    """
    mine, theirs = _corners(box[None]), _corners(others)
    apart = np.zeros(len(others), dtype=bool)
    for yaw in (np.full(len(others), box[6]), others[:, 6]):
        for direction in (np.stack([np.cos(yaw), np.sin(yaw)], -1), np.stack([-np.sin(yaw), np.cos(yaw)], -1)):
            a, b = (mine * direction[:, None]).sum(-1), (theirs * direction[:, None]).sum(-1)
            apart |= (a.max(1) <= b.min(1)) | (b.max(1) <= a.min(1))
    return ~apart


def _corners(boxes: Array) -> Array:
    """(M, 4, 2) corners on the ground."""
    cos, sin = np.cos(boxes[:, 6, None]), np.sin(boxes[:, 6, None])
    along, across = _CORNERS[:, 0] * boxes[:, 3, None], _CORNERS[:, 1] * boxes[:, 4, None]
    corners: Array = np.stack(
        [boxes[:, 0, None] + along * cos - across * sin, boxes[:, 1, None] + along * sin + across * cos], axis=-1
    )
    return corners
