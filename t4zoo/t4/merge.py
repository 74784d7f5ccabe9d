"""Makes one box of two that belong together, as a tractor and its trailer do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from t4zoo.t4.labels import Merge

Array = NDArray[np.float64]

NEARLY = 1e-6  # of a distance: what rounding could hide; who is near is looked at closely


def pairs(boxes: Array, names: Sequence[str], merge: Merge, distance: float) -> list[tuple[int, int]]:
    """Rows of (N, 7) boxes that `merge` joins: they overlap seen from above, or two of their ends are close.

    names: N classes. distance: greatest one between the middles of two ends [m]. No row is taken twice.
    """
    found: list[tuple[int, int]] = []
    taken: set[int] = set()
    seconds = np.array([row for row, name in enumerate(names) if name == merge.second], dtype=np.int64)
    for first in (row for row, name in enumerate(names) if name == merge.first):
        for second in seconds[_are_near(boxes[first], boxes[seconds], distance)].tolist():
            if first in taken or second in taken or first == second:
                continue
            if _overlap(boxes[first], boxes[second]) or _ends_are_close(boxes[first], boxes[second], distance):
                found.append((first, second))
                taken |= {first, second}
    return found


def _are_near(one: Array, others: Array, distance: float) -> NDArray[np.bool_]:
    """(N,) whether the circles around a (7,) box and each of (N, 7) leave no more than `distance` between them."""
    apart = np.hypot(others[:, 0] - one[0], others[:, 1] - one[1])
    reach = (np.hypot(others[:, 3], others[:, 4]) + np.hypot(one[3], one[4])) / 2
    near: NDArray[np.bool_] = apart <= reach + distance + NEARLY * (1.0 + apart)
    return near


def extend_longer(one: Array, other: Array) -> Array:
    """The (7,) box that is the larger of two boxes, lengthened to where the smaller one ends.

    The rule is AWML's `merge_boxes_extend_longer`, apart from two of its results that no vehicle has: heights are
    joined from bottom to top here, for z is a box's centre, and a box that reaches beyond the smaller one already stays
    as long as it is.
    """
    larger, smaller = (one, other) if one[3] * one[4] >= other[3] * other[4] else (other, one)
    along = 3 if larger[3] >= larger[4] else 4  # the longer edge: length, or width
    axis = _direction(float(larger[6]) + (0.0 if along == 3 else math.pi / 2))
    offset = smaller[:2] - larger[:2]
    if offset[0] * axis[0] + offset[1] * axis[1] < 0:
        axis = -axis
    far_end = max(_ends(smaller), key=lambda end: math.dist(end[:2], larger[:2]))[:2] - larger[:2]
    extension = max(float(far_end[0] * axis[0] + far_end[1] * axis[1] - larger[along] / 2), 0.0)
    bottom, top = min(b[2] - b[5] / 2 for b in (one, other)), max(b[2] + b[5] / 2 for b in (one, other))
    merged = larger.copy()
    merged[:2] += axis * (extension / 2)
    merged[along] += extension
    merged[2], merged[5] = (bottom + top) / 2, top - bottom
    return merged


def _direction(yaw: float) -> Array:
    return np.array([math.cos(yaw), math.sin(yaw)])


def _ends(box: Array) -> tuple[Array, Array]:
    """The middles (3,) of the two faces that end the longer edge."""
    along = 3 if box[3] >= box[4] else 4
    half = np.append(_direction(float(box[6]) + (0.0 if along == 3 else math.pi / 2)) * box[along] / 2, 0.0)
    return box[:3] + half, box[:3] - half


def _ends_are_close(one: Array, other: Array, distance: float) -> bool:
    return any(math.dist(a, b) <= distance for a in _ends(one) for b in _ends(other))


def _overlap(one: Array, other: Array) -> bool:
    """Whether two boxes touch seen from above: no edge's direction separates them."""
    for yaw in (float(one[6]), float(other[6])):
        for axis in (_direction(yaw), _direction(yaw + math.pi / 2)):
            apart = abs(float((other[0] - one[0]) * axis[0] + (other[1] - one[1]) * axis[1]))
            if apart > _reach(one, axis) + _reach(other, axis):
                return False
    return True


def _reach(box: Array, axis: Array) -> float:
    """How far the box goes along `axis` from its centre."""
    length, width = _direction(float(box[6])), _direction(float(box[6]) + math.pi / 2)
    return float(
        abs(length[0] * axis[0] + length[1] * axis[1]) * box[3] / 2
        + abs(width[0] * axis[0] + width[1] * axis[1]) * box[4] / 2
    )
