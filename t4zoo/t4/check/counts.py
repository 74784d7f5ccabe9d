"""CNT: is `num_lidar_pts` the number of the points in the box, in the cloud of the annotation's sample?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from t4zoo.geometry import apply, compose, inverse
from t4zoo.t4.check.boxes import Boxes, Cloud
from t4zoo.t4.check.rule import Fault, Rule, named

Array = NDArray[np.float64]

BORDER, PART = 0.005, 0.001  # a point so near to a side may be counted or not [m], and this part of the box's size:
# poses are rounded, and a cloud is float32. Not more, since a lidar sees surfaces: most points are near a side.
GROSS = 2.0  # times as many, or as few
SLACK = 5  # points
MANY, FEW = 0.1, 3  # this part of a scene's boxes, and this many, are no accident

NONE_THERE = Rule(
    "CNT001", "warning", "num_lidar_pts says points, and the box holds none", "count again; such a box is trained on"
)
SOME_THERE = Rule(
    "CNT002", "warning", "num_lidar_pts is 0, and the box holds points", "count again; such a box is left out"
)
OTHER = Rule("CNT003", "warning", "num_lidar_pts is not the number of points in the box", "count again")
SYSTEM = Rule(
    "CNT004",
    "error",
    "num_lidar_pts is far off for many boxes",
    "count in the cloud of the annotation's sample, in one frame",
)

RULES = (NONE_THERE, SOME_THERE, OTHER, SYSTEM)


@dataclass
class Tally:
    """What was seen in all clouds of a scene. In `ego`: as if their points were in the ego's frame."""

    boxes: int = 0
    gross: int = 0
    gross_ego: int = 0
    first: str = ""
    found: list[Fault] = field(default_factory=list)


def tally(boxes: Boxes, which: list[int], cloud: Cloud, points: NDArray[np.float32], told: Tally) -> None:
    """Count in one cloud; adds to `told`. which: the boxes of its sample."""
    which = [
        number for number in which if np.isfinite(boxes.rotations[number]).all() and (boxes.sizes[number] > 0).all()
    ]
    least, most = inside(boxes, which, cloud.global_from_sensor, points)
    stated = boxes.points[which]
    gross = is_gross(stated, least, most)
    told.boxes += len(which)
    told.gross += int(np.count_nonzero(gross))
    if gross.any():
        own = is_gross(stated, *inside(boxes, which, cloud.global_from_ego, points))
        told.gross_ego += int(np.count_nonzero(own))
    for place in np.flatnonzero((stated < least) | (stated > most)):
        row, said, low, high = boxes.rows[which[place]], int(stated[place]), int(least[place]), int(most[place])
        rule = NONE_THERE if not high else SOME_THERE if not said else OTHER
        there = str(high) if low == high else f"{low} to {high}"
        value = f"num_lidar_pts is {said}, and there are {there}"
        told.first = told.first or (value if gross[place] else "")
        told.found.append(Fault(rule, "sample_annotation", named(row["token"]), value))


def faults(told: Tally) -> Iterator[Fault]:
    """Faults of counts, once all clouds were counted in."""
    if told.gross >= FEW and told.gross > MANY * told.boxes:
        hint = ""
        if told.gross_ego <= MANY * told.boxes:
            hint = "; they fit if the points are in the ego's frame: is the lidar's calibration to be the identity?"
        yield Fault(SYSTEM, "sample_annotation", "", f"{told.gross} of {told.boxes} boxes, as: {told.first}{hint}")
    yield from told.found


def is_gross(stated: NDArray[np.int64], least: NDArray[np.int64], most: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Off by so much that the box is taken for another: seen instead of unseen, or twice as many points."""
    unlike = (stated > 0) & (most == 0) | (stated == 0) & (least > 0)
    off = (stated > GROSS * most + SLACK) | (least > GROSS * stated + SLACK)
    return np.asarray(unlike | off)


def inside(
    boxes: Boxes, which: list[int], global_from_points: Array, points: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many points lie in each box for sure, and how many if those at its sides are counted in too."""
    points_from_global = inverse(global_from_points)
    slices = _slices(points[:, 0])
    order = np.argsort(slices, kind="stable")  # of small whole numbers, which takes a tenth of the time
    slices, xyz = slices[order], points[order, :3]
    found = np.zeros((2, len(which)), dtype=np.int64)
    for place, number in enumerate(which):
        width, length, height = boxes.sizes[number]
        border = BORDER + PART * float(boxes.sizes[number].max())
        half = np.array([length, width, height]) / 2
        centre = apply(points_from_global, boxes.centres[number])
        reach = float(np.linalg.norm(half)) + 2 * border + 0.01  # more than float32 rounds
        ends = _slices(np.array([centre[0] - reach, centre[0] + reach], dtype=np.float64))
        near = xyz[np.searchsorted(slices, ends[0]) : np.searchsorted(slices, ends[1], side="right")]
        near = near[np.abs(near[:, 1] - np.float32(centre[1])) <= np.float32(reach)].astype(np.float64)
        rotation = compose(points_from_global[:3, :3], boxes.rotations[number])
        local = np.abs((near - centre) @ rotation)
        found[:, place] = _within(local, half - border), _within(local, half + border)
    return found[0], found[1]


def _slices(x: NDArray[np.floating]) -> NDArray[np.uint16]:
    """In which slice of a quarter of a metre along x; the first and the last hold all that is beyond."""
    return np.asarray(np.clip(x * 4 + 32_768, 0, 65_535), dtype=np.uint16)


def _within(local: Array, half: Array) -> int:
    return int(np.count_nonzero((local[:, 0] <= half[0]) & (local[:, 1] <= half[1]) & (local[:, 2] <= half[2])))
