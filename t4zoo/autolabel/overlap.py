"""Which boxes overlap, seen from above."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

Array = NDArray[np.float64]

_CORNERS = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])  # of a unit square, counter-clockwise


def footprints(boxes: Array) -> NDArray[np.object_]:
    """(N,) polygons of the (N, 7) boxes x, y, z, l, w, h, yaw, seen from above."""
    cos, sin = np.cos(boxes[:, 6, None]), np.sin(boxes[:, 6, None])
    along, across = _CORNERS[:, 0] * boxes[:, 3, None], _CORNERS[:, 1] * boxes[:, 4, None]
    x = boxes[:, 0, None] + along * cos - across * sin
    y = boxes[:, 1, None] + along * sin + across * cos
    polygons: NDArray[np.object_] = shapely.polygons(np.stack([x, y], axis=-1))
    return polygons


def overlapping(boxes: Array, iou_threshold: float) -> list[list[int]]:
    """For each of the (N, 7) boxes, the others whose rotated intersection over union with it is above the threshold.

    Heights and z do not count. The boxes must have a length and a width.
    """
    shapes = footprints(boxes)
    left, right = shapely.STRtree(shapes).query(shapes)
    left, right = left[left < right], right[left < right]
    shared = shapely.area(shapely.intersection(shapes[left], shapes[right]))
    areas = boxes[:, 3] * boxes[:, 4]
    above = shared / (areas[left] + areas[right] - shared) > iou_threshold
    partners: list[list[int]] = [[] for _ in boxes]
    for a, b in zip(left[above].tolist(), right[above].tolist(), strict=True):
        partners[a].append(b)
        partners[b].append(a)
    return partners
