"""GEO: are boxes, sensors and the ego where, as large and as fast as such things can be?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from t4zoo.t4.check import motion
from t4zoo.t4.check.bounds import Bounds, Range, bounds_of
from t4zoo.t4.check.boxes import Boxes, Cloud, boxes_of, clouds_of, rotations_of
from t4zoo.t4.check.raw import RawScene
from t4zoo.t4.check.records import token_of
from t4zoo.t4.check.rule import Fault, Rule, named, shown

UNIT = 0.01  # a quaternion's length may differ from one by this: three decimals are enough for that
UPRIGHT = np.cos(np.radians(45.0))  # no street is as steep
REACH, FAR = 400.0, 250.0  # from the lidar, seen from above [m]: none measures beyond the first, few beyond the second
HIGH, STEEP = 100.0, 30.0  # above or below it [m]
SAME_PLACE = 0.01  # two centres [m]
MOUNT = 20.0  # no vehicle is longer [m]
SWAY = 0.01  # of a calibration that should be none: metres, and parts of a rotation

ENDLESS = Rule(
    "GEO001", "error", "a number is not finite, or beyond anything measured", "write the value that was measured"
)
FLAT = Rule("GEO002", "error", "a size is not positive", "measure the box again")
SWAPPED = Rule("GEO003", "error", "a size is not in the order width, length, height", "write width first")
ODD_SIZE = Rule("GEO004", "warning", "no such object has this size", "look at the box, or at its category")
NO_UNIT = Rule("GEO005", "error", "a rotation is no unit quaternion", "write w, x, y, z of length one")
TILTED = Rule(
    "GEO006",
    "error",
    "a box or the ego does not stand upright",
    "write the rotation as w, x, y, z, and the real part first",
)
OUT_OF_REACH = Rule("GEO007", "error", "a box is where no lidar sees", "write its centre in the map frame, in metres")
DISTANT = Rule("GEO008", "warning", "a box is where few lidars see", "look at the box")
TURNED = Rule(
    "GEO009",
    "warning",
    "LIDAR_CONCAT has a calibration, though its clouds are in the ego's frame",
    "make it the identity",
)
AFAR = Rule(
    "GEO010",
    "warning",
    "a sensor is mounted farther from the ego than a vehicle is long",
    "write metres from the ego's origin",
)
TWINS = Rule("GEO011", "warning", "two objects of one category are at one place", "keep one of them")

RULES = (
    ENDLESS, FLAT, SWAPPED, ODD_SIZE, NO_UNIT, TILTED, OUT_OF_REACH, DISTANT, TURNED, AFAR, TWINS, *motion.RULES,
)  # fmt: skip


def faults(scene: RawScene) -> Iterator[Fault]:
    """Faults of geometry."""
    for table, doubts in scene.doubts.items():
        for doubt in doubts:
            if doubt.verdict == "endless":
                value = f"{doubt.field} is {shown(doubt.row[doubt.field])}"
                yield Fault(ENDLESS, table, token_of(doubt.row, doubt.number), value)
    boxes = boxes_of(scene)
    with np.errstate(all="ignore"):
        yield from _rotations(scene)
        yield from _tilts(scene, boxes)
        yield from _sizes(boxes)
        yield from _reach(boxes, clouds_of(scene))
        yield from _twins(boxes)
        yield from _mounts(scene)
        yield from motion.faults(scene, boxes)


def _rotations(scene: RawScene) -> Iterator[Fault]:
    for table in ("sample_annotation", "ego_pose", "calibrated_sensor"):
        rows = list(scene.sound(table, "rotation"))
        quaternions = np.array([row["rotation"] for row in rows], dtype=np.float64).reshape(-1, 4)
        for number in _where(np.abs(np.linalg.norm(quaternions, axis=1) - 1) > UNIT):
            row = rows[number]
            yield Fault(NO_UNIT, table, named(row["token"]), f"rotation is {shown(row['rotation'])}")


def _tilts(scene: RawScene, boxes: Boxes) -> Iterator[Fault]:
    poses = list(scene.sound("ego_pose", "rotation"))
    ego = rotations_of(np.array([row["rotation"] for row in poses], dtype=np.float64).reshape(-1, 4))
    for table, rows, rotations in (("sample_annotation", boxes.rows, boxes.rotations), ("ego_pose", poses, ego)):
        for number in _where(rotations[:, 2, 2] < UPRIGHT):
            row = rows[number]
            yield Fault(TILTED, table, named(row["token"]), f"rotation is {shown(row['rotation'])}")


def _sizes(boxes: Boxes) -> Iterator[Fault]:
    flat = np.asarray((boxes.sizes <= 0).any(axis=1))
    columns = (boxes.rows, boxes.categories, boxes.sizes.tolist(), flat, boxes.automatic)
    for row, category, size, is_flat, automatic in zip(*columns, strict=True):
        token, bounds = named(row["token"]), bounds_of(category)
        value = f"{named(category)}: size is {shown(row['size'])}"
        width, length, height = size
        if is_flat:
            yield Fault(FLAT, "sample_annotation", token, value)
        elif not _fits(bounds, width, length, height):
            turned = bounds.elongated and not automatic and _fits(bounds, length, width, height)
            yield Fault(SWAPPED if turned else ODD_SIZE, "sample_annotation", token, value)


def _fits(bounds: Bounds, width: float, length: float, height: float) -> bool:
    return _within(width, bounds.width) and _within(length, bounds.length) and _within(height, bounds.height)


def _within(value: float, ends: Range) -> bool:
    return ends[0] <= value <= ends[1]


def _reach(boxes: Boxes, clouds: dict[str, Cloud]) -> Iterator[Fault]:
    nowhere = np.full(3, np.nan)
    origins = [
        clouds[row["sample_token"]].global_from_sensor[:3, 3] if row["sample_token"] in clouds else nowhere
        for row in boxes.rows
    ]
    offsets = np.abs(boxes.centres - np.array(origins, dtype=np.float64).reshape(-1, 3))
    across, up = np.hypot(offsets[:, 0], offsets[:, 1]), offsets[:, 2]
    beyond = (across > REACH) | (up > HIGH)
    for number in _where((across > FAR) | (up > STEEP)):
        rule = OUT_OF_REACH if beyond[number] else DISTANT
        value = f"{across[number]:.0f} m from the lidar, {up[number]:.0f} m above or below it"
        yield Fault(rule, "sample_annotation", named(boxes.rows[number]["token"]), value)


def _twins(boxes: Boxes) -> Iterator[Fault]:
    seen: dict[tuple[object, ...], str] = {}
    for row, category, place in zip(boxes.rows, boxes.categories, np.rint(boxes.centres / SAME_PLACE), strict=True):
        key = (row["sample_token"], category, *place.tolist())
        other = seen.setdefault(key, row["token"])
        if other != row["token"]:
            yield Fault(TWINS, "sample_annotation", named(row["token"]), f"{named(category)}: as {named(other)}")


def _mounts(scene: RawScene) -> Iterator[Fault]:
    for row in scene.sound("calibrated_sensor", "translation", "rotation"):
        sensor = scene.sensors.get(row["token"])
        distance = float(np.linalg.norm(row["translation"]))
        turn = float(np.linalg.norm(row["rotation"][1:]))
        if distance > MOUNT:
            yield Fault(AFAR, "calibrated_sensor", named(row["token"]), f"translation is {shown(row['translation'])}")
        elif sensor and sensor["channel"] == "LIDAR_CONCAT" and (distance > SWAY or turn > SWAY):
            value = f"translation is {shown(row['translation'])}, rotation {shown(row['rotation'])}"
            yield Fault(TURNED, "calibrated_sensor", named(row["token"]), value)


def _where(mask: NDArray[np.bool_]) -> list[int]:
    return [int(number) for number in np.flatnonzero(mask)]
