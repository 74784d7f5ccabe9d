"""GEO, what moves: does an object, or the ego, go as fast as it can and as its velocity says?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from t4zoo.t4.check.bounds import bounds_of
from t4zoo.t4.check.boxes import Boxes
from t4zoo.t4.check.raw import RawScene
from t4zoo.t4.check.rule import Fault, Rule, named
from t4zoo.t4.velocity import LONGEST_GAP

Array = NDArray[np.float64]

JUMP = 150.0  # faster than any road user, and than an annotator's hand shakes between two samples [m/s]
EGO_JUMP = 100.0  # [m/s]
SLACK, SHARE = 3.0, 0.5  # a stated velocity may differ from the motion by this [m/s], and by this of the faster one
MOVING = 3.0  # what is slower says little about units and frames [m/s]
SYSTEMATIC = 0.4  # a unit or a frame that is wrong makes velocities differ by more than this part of the motion
ENOUGH = 10  # moving boxes without which nothing is said about all of them
MOST = 0.6  # of them

JUMPING = Rule("GEO012", "error", "an object jumps", "look at the boxes before and after; are they one object?")
FAST = Rule("GEO013", "warning", "an object moves faster than its kind can", "look at the boxes before and after")
UNLIKE = Rule(
    "GEO014",
    "warning",
    "a velocity is not that of the box's motion",
    "compute it from the boxes' centres, or write null",
)
SYSTEM = Rule(
    "GEO015",
    "error",
    "the velocities of most moving boxes are not those of their motion",
    "write m/s in the map frame, or null",
)
EGO_JUMPS = Rule("GEO016", "error", "the ego jumps", "fetch the scene again, or cut it where the localisation jumps")

RULES = (JUMPING, FAST, UNLIKE, SYSTEM, EGO_JUMPS)


def faults(scene: RawScene, boxes: Boxes) -> Iterator[Fault]:
    """Faults of motion."""
    places = {row["token"]: number for number, row in enumerate(boxes.rows)}
    links = list(scene.sound("sample_annotation", "prev", "next"))
    before = _neighbours(boxes, places, {row["token"]: row["prev"] for row in links})
    after = _neighbours(boxes, places, {row["token"]: row["next"] for row in links})
    yield from _jumps(boxes, after)
    yield from _velocities(boxes, before, after)
    yield from _ego(scene)


def _neighbours(boxes: Boxes, places: dict[str, int], link: dict[str, str]) -> NDArray[np.int64]:
    """(N,) place of the box that each is linked to, its own where there is none or it is another object's."""
    found = []
    for own, row in enumerate(boxes.rows):
        other = places.get(link.get(row["token"]) or "", own)
        found.append(other if boxes.rows[other]["instance_token"] == row["instance_token"] else own)
    return np.array(found, dtype=np.int64)


def _jumps(boxes: Boxes, after: NDArray[np.int64]) -> Iterator[Fault]:
    elapsed = boxes.times[after] - boxes.times
    moved = np.linalg.norm((boxes.centres[after] - boxes.centres)[:, :2], axis=1)
    speeds = np.where((elapsed > 0) & (elapsed <= LONGEST_GAP), moved / elapsed, 0.0)
    limits = np.array([bounds_of(category).speed for category in boxes.categories], dtype=np.float64)
    for number in np.flatnonzero(speeds > limits).tolist():
        rule = JUMPING if speeds[number] > JUMP and not boxes.automatic[number] else FAST
        value = f"{named(boxes.categories[number])}: {moved[number]:.1f} m in {elapsed[number]:.2f} s to its next box"
        yield Fault(rule, "sample_annotation", named(boxes.rows[number]["token"]), value)


def _velocities(boxes: Boxes, before: NDArray[np.int64], after: NDArray[np.int64]) -> Iterator[Fault]:
    elapsed = boxes.times[after] - boxes.times[before]
    gaps = (before != np.arange(len(boxes))).astype(int) + (after != np.arange(len(boxes)))
    motion = (boxes.centres[after] - boxes.centres[before])[:, :2] / elapsed[:, None]
    stated, known = boxes.velocities[:, :2], (elapsed > 0) & (elapsed <= LONGEST_GAP * gaps)
    off = np.linalg.norm(stated - motion, axis=1)
    speed, moved = np.linalg.norm(stated, axis=1), np.linalg.norm(motion, axis=1)
    moving = known & (moved > MOVING) & np.isfinite(speed) & ~boxes.automatic
    wrong = moving & (off > SYSTEMATIC * moved)
    if np.count_nonzero(moving) >= ENOUGH and np.count_nonzero(wrong) > MOST * np.count_nonzero(moving):
        ratio = float(np.median(speed[wrong] / moved[wrong]))
        value = (
            f"{np.count_nonzero(wrong)} of {np.count_nonzero(moving)}; they are {ratio:.2f} times as fast as the boxes"
        )
        yield Fault(SYSTEM, "sample_annotation", "", value)
    for number in np.flatnonzero(known & (off > SLACK + SHARE * np.maximum(speed, moved))).tolist():
        value = f"velocity is {_pair(stated[number])}, the box moves with {_pair(motion[number])} m/s"
        yield Fault(UNLIKE, "sample_annotation", named(boxes.rows[number]["token"]), value)


def _pair(vector: Array) -> str:
    return f"({vector[0]:.1f}, {vector[1]:.1f})"


def _ego(scene: RawScene) -> Iterator[Fault]:
    poses = sorted(scene.sound("ego_pose", "translation", "timestamp"), key=lambda row: row["timestamp"])
    for one, other in pairwise(poses):
        elapsed = (other["timestamp"] - one["timestamp"]) / 1e6
        moved = float(np.linalg.norm(np.subtract(other["translation"], one["translation"])[:2]))
        if moved > max(EGO_JUMP * elapsed, 1.0):  # a metre: poses of one instant by two clocks
            yield Fault(EGO_JUMPS, "ego_pose", named(other["token"]), f"{moved:.1f} m in {elapsed:.3f} s")
