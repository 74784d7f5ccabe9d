"""Which boxes overlap, seen from above: many pairs at once, as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

_AT_ONCE = 4096  # pairs whose numbers stay in the processor's cache
_TINY = float(np.finfo(np.float64).tiny)
_SLACK = 1e-9  # of a bound that only saves work: what is close is computed


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of overlapping boxes. left, right: (P,) rows, left < right. share: (P,) in 0..1, how much they do."""

    left: Rows
    right: Rows
    share: Array

    def take(self, rows: NDArray[np.bool_]) -> Pairs:
        """The pairs that a mask selects."""
        return Pairs(self.left[rows], self.right[rows], self.share[rows])


def overlapping(boxes: Array, blocks: Rows, above: float, measure: str = "iou") -> Pairs:
    """The pairs of boxes of the same block that share more than `above` of their footprints, which are rotated.

    boxes: (N, 7) x, y, z, l, w, h, yaw with a length and a width; heights and z do not count. blocks: (N,) any numbers.
    measure: the share is that of their union (`iou`), or that of the smaller one (`smaller`).
    """
    areas = boxes[:, 3] * boxes[:, 4]

    def share(left: Rows, right: Rows, common: Array) -> Array:
        if measure == "smaller":
            return common / np.minimum(areas[left], areas[right])
        return common / (areas[left] + areas[right] - common)

    left, right, most = _meeting(boxes, blocks)
    close = (most > 0) & (share(left, right, most) > above - _SLACK)
    left, right = left[close], right[close]
    left, right = np.minimum(left, right), np.maximum(left, right)
    shares = share(left, right, shared_areas(boxes, left, right))
    return Pairs(left, right, shares).take(shares > above)


def shared_areas(boxes: Array, left: Rows, right: Rows) -> Array:
    """(P,) the area [m2] that the footprints of each pair of boxes share."""
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(left), _AT_ONCE)]
    turned = np.column_stack([boxes, np.cos(boxes[:, 6]), np.sin(boxes[:, 6])])
    return np.concatenate([np.zeros(0), *(_shared(turned[left[part]].T, turned[right[part]].T) for part in parts)])


def _meeting(boxes: Array, blocks: Rows) -> tuple[Rows, Rows, Array]:
    """Pairs of a block whose upright outer rectangles meet along x, and the most that they can share [m2]."""
    cos, sin = np.abs(np.cos(boxes[:, 6])), np.abs(np.sin(boxes[:, 6]))
    reach = np.stack([boxes[:, 3] * cos + boxes[:, 4] * sin, boxes[:, 3] * sin + boxes[:, 4] * cos]) / 2
    low, high = boxes[:, :2].T - reach, boxes[:, :2].T + reach
    left, right = _meeting_intervals(low[0], high[0], blocks)
    width, height = np.minimum(high[:, left], high[:, right]) - np.maximum(low[:, left], low[:, right])
    areas = boxes[:, 3] * boxes[:, 4]
    least = np.minimum(areas[left], areas[right])
    return left, right, np.minimum(least, width * np.maximum(height, 0.0))


def _meeting_intervals(low: Array, high: Array, blocks: Rows) -> tuple[Rows, Rows]:
    """All pairs of intervals of the same block that meet: of each, those that begin before it ends."""
    count = len(low)
    places = np.unique(np.concatenate([low, high]), return_inverse=True)[1]  # whole numbers, so that none is rounded
    groups = np.unique(blocks, return_inverse=True)[1].astype(np.int64) * (2 * count + 1)
    starts, ends = groups + places[:count], groups + places[count:]
    order = np.argsort(starts, kind="stable")
    first = np.arange(1, count + 1)
    partners = np.searchsorted(starts[order], ends[order], side="right") - first
    left = np.repeat(np.arange(count), partners)
    right = np.arange(len(left)) + np.repeat(first - np.cumsum(partners) + partners, partners)
    return order[left], order[right]


def _shared(a: Array, b: Array) -> Array:
    """(P,) shared areas of the rectangles x, y, z, l, w, h, yaw, cos, sin in the columns of (9, P) a and b.

    In the coordinates of a, b's outline is pulled onto a: each of its points goes to the closest point of a. What the
    new outline encloses is the intersection, since a point inside of a is passed neither by the way nor by points that
    stay; Green's theorem gives its area. No case is special, not even edges that fall on each other.
    """
    dx, dy = b[0] - a[0], b[1] - a[1]
    cos, sin = b[7] * a[7] + b[8] * a[8], b[8] * a[7] - b[7] * a[8]
    x, y = a[7] * dx + a[8] * dy, a[7] * dy - a[8] * dx
    lx, ly, wx, wy = b[3] * cos / 2, b[3] * sin / 2, -b[4] * sin / 2, b[4] * cos / 2
    corners_x = x + np.stack([lx + wx, wx - lx, -lx - wx, lx - wx])  # counter-clockwise
    corners_y = y + np.stack([ly + wy, wy - ly, -ly - wy, ly - wy])
    along_x, along_y = -2 * np.stack([lx, wx, -lx, -wx]), -2 * np.stack([ly, wy, -ly, -wy])
    # Of each edge, 0 to 1: where its x comes within a and leaves it, and between those, its y.
    begin, end = _within(corners_x, along_x, a[3] / 2, 0.0, 1.0)
    rise, fall = _within(corners_y, along_y, a[4] / 2, begin, end)
    heights = [np.clip(corners_y + at * along_y, -a[4] / 2, a[4] / 2) for at in (begin, rise, fall, end)]
    area = (rise - begin) * (heights[0] + heights[1])
    area += (fall - rise) * (heights[1] + heights[2])
    area += (end - fall) * (heights[2] + heights[3])
    shared: Array = np.maximum(-(along_x * area).sum(axis=0) / 2, 0.0)
    return shared


def _within(start: Array, along: Array, limit: Array, least: Array | float, most: Array | float) -> tuple[Array, Array]:
    """The shares of the way `start + share * along` between which it is within -limit and limit, cut to least..most."""
    with np.errstate(over="ignore"):
        scale = 1 / np.where(np.abs(along) < _TINY, _TINY, along)
        one, other = (-limit - start) * scale, (limit - start) * scale
    return np.clip(np.minimum(one, other), least, most), np.clip(np.maximum(one, other), least, most)
