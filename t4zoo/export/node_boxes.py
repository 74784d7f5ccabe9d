"""What a node of Autoware would publish, and what its nodes share to choose it (circle_nms_kernel.cu)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NodeBoxes:
    """What the node would publish, as columns of N rows, in the lidar frame.

    boxes: (N, 7) x, y, z of the centre, length, width, height [m], yaw about +z from +x [rad] in -pi..pi.
    velocities: (N, 2) vx, vy [m/s]. labels: (N,) index into class_names. scores: (N,). yaw_norms: (N,).
    """

    boxes: Array
    velocities: Array
    labels: NDArray[np.int64]
    scores: Array
    yaw_norms: Array

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.boxes)

    def take(self, index: NDArray[Any]) -> NodeBoxes:
        """The rows that `index` (integers or a mask) selects."""
        columns = (self.boxes, self.velocities, self.labels, self.scores, self.yaw_norms)
        return NodeBoxes(*(column[index] for column in columns))


def passes(boxes: NodeBoxes, limits: Sequence[float], least: Array, norms: Sequence[float]) -> NDArray[np.bool_]:
    """Which boxes the nodes with thresholds by distance keep.

    limits: ascending distances [m] at which a bin ends; what lies beyond the last is dropped. least: (classes, bins)
    scores. norms: for each class, the least length of the predicted (sin, cos) of yaw.
    """
    bins = np.searchsorted(limits, np.hypot(boxes.boxes[:, 0], boxes.boxes[:, 1]), side="right")
    inside = bins < len(limits)
    scored = boxes.scores >= least[boxes.labels, np.minimum(bins, len(limits) - 1)]
    headed = boxes.yaw_norms >= np.asarray(norms)[boxes.labels]
    return np.asarray(inside & scored & headed & (boxes.scores > 0.0))


def circle_nms(centres: Array, distance: float) -> NDArray[np.int64]:
    """Rows, best first, of which none lies closer than `distance` [m] to a better one that was kept."""
    kept: list[int] = []
    for i, centre in enumerate(centres):
        if np.all(np.sum((centres[kept] - centre) ** 2, axis=1) >= distance**2):
            kept.append(i)
    return np.array(kept, dtype=np.int64)
