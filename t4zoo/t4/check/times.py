"""TIM: does time go forward, in microseconds, without holes, and the same for samples, files and the ego?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from t4zoo.t4.check.raw import RawScene, Row
from t4zoo.t4.check.rule import Fault, Rule, named

FIRST = (
    315_446_400_000_000  # the end of 1979 in microseconds since 1970: GPS clocks, and clocks never set, start in 1980
)
LAST = 4_102_444_800_000_000  # 2100
HOLE = 500_000  # a gap that is longer than this, and three times as long as is usual, is a hole [us]
USUAL = 3.0
TOO_NEAR = 1_000  # no lidar turns in this [us]
APART = 500_000  # a file that far from its sample, or pose from its file, is another's [us]; half a second at 2 Hz
AWAY = 100_000  # a pose that far from its file is a metre off at 10 m/s [us]

BACKWARD = Rule("TIM001", "error", "the next row of a chain is not later", "link the rows in the order of time")
LATE = Rule("TIM002", "error", "a timestamp lies after 2100", "write microseconds, not nanoseconds")
EARLY = Rule(
    "TIM003",
    "warning",
    "a timestamp lies before 1980",
    "write microseconds since 1970, or mind that the clock is no date",
)
NEAR = Rule(
    "TIM004", "error", "samples are less than a millisecond apart", "write microseconds, not seconds or milliseconds"
)
GAP = Rule("TIM005", "warning", "samples are missing in between", "fetch the scene again, or cut it in two")
OFF_SAMPLE = Rule(
    "TIM006", "error", "a key frame is of another time than its sample", "give every sample its own files"
)
OFF_POSE = Rule("TIM007", "error", "a file's ego pose is of another time", "give every file the pose of its own time")
COARSE_POSE = Rule(
    "TIM008", "warning", "a file's ego pose is over 0.1 s away", "interpolate the pose to the file's time"
)

RULES = (BACKWARD, LATE, EARLY, NEAR, GAP, OFF_SAMPLE, OFF_POSE, COARSE_POSE)


def faults(scene: RawScene) -> Iterator[Fault]:
    """Faults of time."""
    samples = scene.by_token("sample", "timestamp")
    for table in ("sample", "sample_data", "ego_pose"):
        yield from _range(table, list(scene.sound(table, "timestamp")))
    yield from _order(scene, samples)
    yield from _gaps(sorted(samples.values(), key=lambda row: row["timestamp"]))
    yield from _together(scene, samples)


def _range(table: str, rows: list[Row]) -> Iterator[Fault]:
    for row in rows:
        if not FIRST <= row["timestamp"] < LAST:
            rule = LATE if row["timestamp"] >= LAST else EARLY
            yield Fault(rule, table, named(row["token"]), f"timestamp is {row['timestamp']}")


def _order(scene: RawScene, samples: dict[str, Row]) -> Iterator[Fault]:
    files = {row["token"]: row["timestamp"] for row in scene.sound("sample_data", "timestamp")}
    instants = {token: row["timestamp"] for token, row in samples.items()}
    boxes = {
        row["token"]: instants[row["sample_token"]]
        for row in scene.sound("sample_annotation", "sample_token")
        if row["sample_token"] in instants
    }
    for table, times in (("sample", instants), ("sample_data", files), ("sample_annotation", boxes)):
        for row in scene.sound(table, "next"):
            token, after = row["token"], row["next"]
            if token in times and after in times and after != token and times[after] <= times[token]:
                yield Fault(BACKWARD, table, named(token), f"{times[token]}, then {times[after]}")


def _gaps(samples: list[Row]) -> Iterator[Fault]:
    gaps = [after["timestamp"] - before["timestamp"] for before, after in pairwise(samples)]
    usual = median(gaps) if gaps else 0
    for row, gap in zip(samples, gaps, strict=False):
        if 0 < gap < TOO_NEAR:
            yield Fault(NEAR, "sample", named(row["token"]), f"{gap} to the next")
        elif gap > HOLE and gap > USUAL * usual and len(gaps) > 1:
            yield Fault(
                GAP, "sample", named(row["token"]), f"{gap / 1e6:.1f} s to the next, where {usual / 1e6:.1f} s is usual"
            )


def _together(scene: RawScene, samples: dict[str, Row]) -> Iterator[Fault]:
    poses = scene.by_token("ego_pose", "timestamp")
    for row in scene.sound("sample_data", "timestamp", "is_key_frame", "sample_token", "ego_pose_token"):
        sample, pose = samples.get(row["sample_token"]), poses.get(row["ego_pose_token"])
        if sample and row["is_key_frame"] and abs(off := row["timestamp"] - sample["timestamp"]) > APART:
            yield Fault(OFF_SAMPLE, "sample_data", named(row["token"]), f"{off / 1e6:+.3f} s from its sample")
        if pose and abs(off := pose["timestamp"] - row["timestamp"]) > AWAY:
            rule = OFF_POSE if abs(off) > APART else COARSE_POSE
            yield Fault(rule, "sample_data", named(row["token"]), f"its pose is {off / 1e6:+.3f} s away")
