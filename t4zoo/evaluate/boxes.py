"""The boxes of many frames as one set of columns: what the metrics compute on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.info import Frame, Instances, Predictions

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Boxes:
    """N boxes of any number of frames.

    frames: (N,) position of the box's frame in the list it came from. centers: (N, 2) x, y in the ego frame [m].
    sizes: (N, 3) length, width, height [m]. yaws: (N,) about +z of the lidar [rad]. velocities: (N, 2) vx, vy in the
    lidar frame [m/s], NaN where unknown. labels: (N,) class index. scores: (N,), 1 for ground truth.

    Yaws and velocities stay in the lidar frame because only differences inside one frame are ever taken of them.
    """

    frames: NDArray[np.int64]
    centers: Array
    sizes: Array
    yaws: Array
    velocities: Array
    labels: NDArray[np.int64]
    scores: Array

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, index: NDArray[Any]) -> Boxes:
        """The rows that `index` (integers or a mask) selects, in its order."""
        return Boxes(
            self.frames[index],
            self.centers[index],
            self.sizes[index],
            self.yaws[index],
            self.velocities[index],
            self.labels[index],
            self.scores[index],
        )

    @property
    def distances(self) -> Array:
        """(N,) of the centres from the ego, seen from above [m]."""
        far: Array = np.hypot(self.centers[:, 0], self.centers[:, 1])
        return far

    def inside(self, low: float, high: float) -> NDArray[np.bool_]:
        """(N,) which boxes' centres are at least `low` and less than `high` metres from the ego, seen from above."""
        return (self.distances >= low) & (self.distances < high)

    def within(self, low: float, high: float) -> Boxes:
        """The boxes that are `inside`."""
        return self.take(self.inside(low, high))


def truth_of(frames: Sequence[Frame]) -> Boxes:
    """The annotated boxes that count, as in nuScenes: of a class (label >= 0), with a lidar point inside."""
    keep = [(rows.labels >= 0) & (rows.num_lidar_pts > 0) for rows in (frame.instances for frame in frames)]
    ones = [np.ones(len(frame.instances)) for frame in frames]
    return _stack(frames, [frame.instances for frame in frames], ones).take(np.concatenate([np.zeros(0, bool), *keep]))


def predicted_of(frames: Sequence[Frame], predictions: Sequence[Predictions]) -> Boxes:
    """The predicted boxes of the same frames, `predictions[i]` belonging to `frames[i]`."""
    if len(frames) != len(predictions):
        raise ValueError(f"{len(predictions)} predictions for {len(frames)} frames")
    return _stack(frames, predictions, [rows.scores for rows in predictions])


def _stack(frames: Sequence[Frame], rows: Sequence[Instances | Predictions], scores: list[Array]) -> Boxes:
    boxes = np.concatenate([np.zeros((0, 7)), *(part.boxes for part in rows)])
    return Boxes(
        frames=np.repeat(np.arange(len(frames)), [len(part) for part in rows]),
        centers=np.concatenate(
            [np.zeros((0, 2)), *(_in_ego(frame, part.boxes) for frame, part in zip(frames, rows, strict=True))]
        ),
        sizes=boxes[:, 3:6],
        yaws=boxes[:, 6],
        velocities=np.concatenate([np.zeros((0, 2)), *(part.velocities for part in rows)]),
        labels=np.concatenate([np.zeros(0, np.int64), *(part.labels for part in rows)]),
        scores=np.concatenate([np.zeros(0), *scores]),
    )


def _in_ego(frame: Frame, boxes: Array) -> Array:
    moved: Array = boxes[:, :3] @ frame.lidar2ego[:2, :3].T + frame.lidar2ego[:2, 3]
    return moved
