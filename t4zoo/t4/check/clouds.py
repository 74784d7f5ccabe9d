"""CLD: are the files there, and do the lidar's hold whole, finite points within range, of as many values as is said?"""

from __future__ import annotations

import json
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.points import NUM_FEATURES
from t4zoo.scene_files import content_of, is_far, size_of
from t4zoo.t4.check.raw import RawScene, Row
from t4zoo.t4.check.rule import Fault, Rule, named, shown

FETCH = "fetch the scene again"
MOST_BYTES = 256 * 2**20  # of one cloud: 13 million points
MOST_INFO_BYTES = 2**20
FEATURES = (3, 64)
FAR, FEW = 500.0, 0.01  # this part of a cloud may lie beyond this range [m]: sun, rain and mirrors make such points
PERIODS = range(3, 13)  # numbers of values a point may have, that are tried
SAMPLE = 8_000  # values of a cloud that are looked at for them
ENOUGH = 100  # points, without which nothing is said of all
CLEARER = 0.5  # the values must repeat this much better after another number
TRUNCATED = 0.5  # of what the scene's clouds usually hold

MISSING = Rule("CLD001", "error", "a file of the lidar is missing", FETCH)
LACKING = Rule("CLD002", "warning", "a file of another sensor is missing", FETCH)
OUTSIDE = Rule("CLD003", "error", "a file name leads out of the scene", "write it relative to the scene's folder")
EMPTY = Rule("CLD004", "error", "a cloud is empty", FETCH)
BROKEN = Rule(
    "CLD005",
    "error",
    "a cloud is no whole number of points",
    "fetch the scene again, or correct num_pts_feats in its info file",
)
ENDLESS = Rule("CLD006", "error", "a cloud holds what is no finite number", "leave such points out")
SCATTERED = Rule("CLD007", "error", "a cloud has points where no lidar sees", "write float32 x, y, z in metres")
FEATURE = Rule(
    "CLD008",
    "error",
    "a cloud's points have another number of values than is said",
    "write num_pts_feats in an info file",
)
NO_INFO = Rule(
    "CLD009",
    "error",
    "the info file of a cloud does not say how many values a point has",
    "write num_pts_feats, 3 to 64",
)
SOURCES = Rule(
    "CLD010",
    "warning",
    "the sources in an info file are not the cloud's points",
    "write each source's idx_begin and length",
)
FEWER = Rule(
    "CLD011", "warning", "a cloud has far fewer points than the others", "is it cut off? fetch the scene again"
)
LARGE = Rule("CLD012", "error", "a cloud is larger than any", "is it one scan, and no map?")
TWICE = Rule("CLD013", "warning", "two rows name one file", "give every row its own file")
PCD = Rule("CLD014", "warning", "a cloud is a .pcd file, which nothing here reads", "convert the scene to pcd.bin")

RULES = (
    MISSING, LACKING, OUTSIDE, EMPTY, BROKEN, ENDLESS, SCATTERED, FEATURE, NO_INFO, SOURCES, FEWER, LARGE, TWICE, PCD,
)  # fmt: skip


@dataclass(frozen=True)
class CloudFile:
    """A cloud that can be read: how many values a point has, how many points there are, and what its info file says."""

    row: Row
    path: Path
    features: int
    points: int
    info: Row | None


def faults(scene: RawScene, found: dict[str, CloudFile]) -> Iterator[Fault]:
    """Faults of files by their names and sizes; puts clouds that can be read into `found`, by sample data's token."""
    names: dict[str, str] = {}
    for row in scene.sound(
        "sample_data", "calibrated_sensor_token", "filename", "fileformat", "is_valid", "info_filename"
    ):
        token, filename = row["token"], row["filename"]
        other = names.setdefault(filename or token, token)
        if other != token:
            yield Fault(TWICE, "sample_data", named(token), f"{named(filename)}, as {named(other)}")
        if row.get("is_valid") is False:
            continue
        sensor = scene.sensors.get(row["calibrated_sensor_token"])
        path = scene.path(filename or "")
        if path is None:
            yield Fault(OUTSIDE, "sample_data", named(token), f"filename is {shown(filename)}")
        elif sensor is not None and sensor["channel"] != scene.lidar_channel:
            if _size(path) is None:
                yield Fault(LACKING, "sample_data", named(token), named(filename))
        elif sensor is not None and row["fileformat"] == "pcd":
            yield Fault(PCD, "sample_data", named(token), named(filename))
        elif sensor is not None:
            cloud = yield from _cloud(scene, row, path)
            if cloud is not None:
                found[token] = cloud
    yield from _fewer(scene, found)


def _cloud(scene: RawScene, row: Row, path: Path) -> Generator[Fault, None, CloudFile | None]:
    token, size = named(row["token"]), _size(path)
    if size is None:
        yield Fault(MISSING, "sample_data", token, named(row["filename"]))
    elif not size:
        yield Fault(EMPTY, "sample_data", token, named(row["filename"]))
    elif size > MOST_BYTES:
        yield Fault(
            LARGE, "sample_data", token, f"{named(row['filename'])}: {size:,} bytes, and {MOST_BYTES:,} are the most"
        )
    else:
        info, features, fault = _info(scene, row)
        if fault is not None:
            yield fault
        elif size % (4 * features):
            value = f"{named(row['filename'])}: {size:,} bytes are no points of {features} float32"
            yield Fault(BROKEN, "sample_data", token, value)
        else:
            return CloudFile(row, path, features, size // (4 * features), info)
    return None


def _size(path: Path) -> int | None:
    """The bytes of a regular file, None where there is none."""
    try:
        if is_far(path):
            return size_of(path)
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _info(scene: RawScene, row: Row) -> tuple[Row | None, int, Fault | None]:
    filename = row.get("info_filename")
    if not filename:
        return None, NUM_FEATURES, None
    info, path = None, scene.path(filename)
    size = None if path is None else _size(path)
    if path is not None and size is not None and size <= MOST_INFO_BYTES:
        try:
            info = json.loads(content_of(path))
        except (OSError, ValueError, RecursionError):
            info = None
    features = info.get("num_pts_feats") if isinstance(info, dict) else None
    if type(features) is int and FEATURES[0] <= features <= FEATURES[1]:
        return info, features, None
    fault = Fault(NO_INFO, "sample_data", named(row["token"]), f"{named(filename)}: num_pts_feats is {shown(features)}")
    return None, 0, fault


def _fewer(scene: RawScene, found: dict[str, CloudFile]) -> Iterator[Fault]:
    usual = float(np.median([cloud.points for cloud in found.values()])) if len(found) > 2 else 0.0
    for cloud in found.values():
        if usual >= ENOUGH and cloud.points < TRUNCATED * usual:
            value = f"{named(cloud.row['filename'])}: {cloud.points:,} points, where {usual:,.0f} are usual"
            yield Fault(FEWER, "sample_data", named(cloud.row["token"]), value)


def read(cloud: CloudFile) -> NDArray[np.float32] | None:
    """(N, features) of the file, None when it cannot be read after all."""
    values = cloud.points * cloud.features
    try:
        if is_far(cloud.path):
            return np.frombuffer(content_of(cloud.path), dtype="<f4", count=values).reshape(-1, cloud.features)
        return np.fromfile(cloud.path, dtype="<f4", count=values).reshape(-1, cloud.features)
    except (OSError, ValueError):
        return None


def content_faults(cloud: CloudFile, points: NDArray[np.float32]) -> Iterator[Fault]:
    """Faults of a cloud's values."""
    token, name = named(cloud.row["token"]), named(cloud.row["filename"])
    if not np.isfinite(points).all():
        finite = np.isfinite(points).all(axis=1)
        value = f"{name}: {np.count_nonzero(~finite):,} of {len(points):,} points"
        yield Fault(ENDLESS, "sample_data", token, value)
        points = points[finite]
    period = _period(points)
    if period is not None:
        value = f"{name}: values repeat after {period}, and {cloud.features} are said"
        yield Fault(FEATURE, "sample_data", token, value)
        return
    most = max(float(points.max(initial=0.0)), -float(points.min(initial=0.0)))  # cheaper than to look at each point
    far = np.count_nonzero((np.abs(points[:, :3]) > FAR).any(axis=1)) if most > FAR else 0
    if far > FEW * len(points):
        yield Fault(SCATTERED, "sample_data", token, f"{name}: {far:,} of {len(points):,} points beyond {FAR:.0f} m")
    if cloud.info is not None and (problem := _sources(cloud.info.get("sources"), cloud.points)):
        yield Fault(SOURCES, "sample_data", token, f"{name}: {problem}")


def _period(points: NDArray[np.float32]) -> int | None:
    """After how many values they repeat better than after a point's, None when nothing does clearly.

    Neighbours in a scan are alike, coordinate by coordinate, so that a file's values nearly repeat after one point.
    """
    if len(points) < ENOUGH:
        return None
    values = points.ravel()[:SAMPLE]
    features = points.shape[1]
    unlike = {period: float(np.median(np.abs(values[period:] - values[:-period]))) for period in {*PERIODS, features}}
    best = min(PERIODS, key=lambda period: (unlike[period], period))
    return best if unlike[best] < CLEARER * unlike[features] else None


def _sources(sources: Any, points: int) -> str:
    if sources is None:
        return ""
    if not isinstance(sources, list):
        return f"sources is {shown(sources)}"
    end = 0
    for source in sources:
        begin, length = (source.get("idx_begin"), source.get("length")) if isinstance(source, dict) else (None, None)
        if type(begin) is not int or type(length) is not int or length < 0 or not 0 <= begin <= points - length:
            return f"a source begins at {shown(begin)} and has {shown(length)} of {points:,} points"
        end += length
    return f"the sources have {end:,} of {points:,} points" if sources and end != points else ""
