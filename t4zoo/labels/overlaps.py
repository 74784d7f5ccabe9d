"""Labels of two classes that stand in each other's place."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from t4zoo.boxes import BoxTable
from t4zoo.info import Array

_CORNERS = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])  # of a unit square, counter-clockwise
_APART = 1e5  # metres between the footprints of two frames, so that one search finds the pairs of all


def pairs(boxes: BoxTable, least: float) -> NDArray[np.int64]:
    """(P, 2) rows of one frame and of two classes whose IoU, seen from above, is above `least`."""
    shapes = shapely.polygons(corners(boxes.boxes) + boxes.frames[:, None, None] * _APART)
    left, right = shapely.STRtree(shapes).query(shapes)
    wanted = (left < right) & (boxes.labels[left] != boxes.labels[right])
    left, right = left[wanted], right[wanted]
    shared = shapely.area(shapely.intersection(shapes[left], shapes[right]))
    areas = boxes.boxes[:, 3] * boxes.boxes[:, 4]
    above = shared / (areas[left] + areas[right] - shared) > least
    found: NDArray[np.int64] = np.column_stack([left, right])[above]
    return found[np.lexsort(found.T[::-1])]


def corners(boxes: Array) -> Array:
    """(N, 4, 2) x, y of the corners of (N, 7) boxes x, y, z, l, w, h, yaw, seen from above, front left first."""
    cos, sin = np.cos(boxes[:, 6, None]), np.sin(boxes[:, 6, None])
    along, across = _CORNERS[:, 0] * boxes[:, 3, None], _CORNERS[:, 1] * boxes[:, 4, None]
    x = boxes[:, 0, None] + along * cos - across * sin
    y = boxes[:, 1, None] + along * sin + across * cos
    return np.stack([x, y], axis=-1)
