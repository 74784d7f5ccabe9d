"""The boxes of a raw scene as columns, and where ego and clouds were: what geometry and counts are judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.geometry import compose, rotation_from_quaternion, transform
from t4zoo.t4.check.raw import RawScene, Row

Array = NDArray[np.float64]

_FIELDS = ("sample_token", "instance_token", "translation", "size", "rotation", "num_lidar_pts", "velocity")


@dataclass(frozen=True, eq=False)
class Boxes:
    """N boxes whose values can be relied on, in the map frame.

    centres (N, 3) [m]. sizes (N, 3) width, length, height [m]. rotations (N, 3, 3), NaN for what is none.
    quaternions (N, 4) w, x, y, z as given. velocities (N, 3) [m/s], NaN where unknown. points (N,) as stated.
    times (N,) [s] since the first sample, NaN where unknown. rows: their records. categories: raw names, "" unknown.
    automatic (N,): whether a model made it, whose boxes may be odd without a fault in the data.
    """

    rows: Sequence[Row]
    categories: Sequence[str]
    centres: Array
    sizes: Array
    quaternions: Array
    rotations: Array
    velocities: Array
    points: NDArray[np.int64]
    times: Array
    automatic: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)


def boxes_of(scene: RawScene) -> Boxes:
    """The boxes of the scene."""
    rows = list(scene.sound("sample_annotation", *_FIELDS))
    names = {token: row["name"] for token, row in scene.by_token("category", "name").items()}
    instances = scene.by_token("instance", "category_token")
    category = {token: names.get(row["category_token"], "") for token, row in instances.items()}
    times = sample_times(scene)
    quaternions = _column(rows, "rotation", 4)
    return Boxes(
        rows=rows,
        categories=[category.get(row["instance_token"]) or "" for row in rows],
        centres=_column(rows, "translation", 3),
        sizes=_column(rows, "size", 3),
        quaternions=quaternions,
        rotations=rotations_of(quaternions),
        velocities=_column(rows, "velocity", 3),
        points=np.array([row["num_lidar_pts"] for row in rows], dtype=np.int64),
        times=np.array([times.get(row["sample_token"], np.nan) for row in rows], dtype=np.float64),
        automatic=np.array([row.get("automatic_annotation") is True for row in rows], dtype=bool),
    )


def sample_times(scene: RawScene) -> dict[str, float]:
    """Sample token -> seconds since the first sample."""
    stamps = {token: row["timestamp"] for token, row in scene.by_token("sample", "timestamp").items()}
    start = min(stamps.values(), default=0)
    return {token: (stamp - start) / 1e6 for token, stamp in stamps.items()}


def _column(rows: Sequence[Row], field: str, width: int) -> Array:
    unknown = [np.nan] * width
    values = [row[field] if _is_known(row.get(field)) else unknown for row in rows]
    return np.array(values, dtype=np.float64).reshape(len(rows), width)


def _is_known(value: list[float] | None) -> bool:
    return value is not None and None not in value


def rotations_of(quaternions: Array) -> Array:
    """(N, 3, 3) of (N, 4) w, x, y, z of any length but zero, for which it is NaN.

    Source: Diebel, "Representing attitude", 2006, equation 125.
    """
    lengths = np.linalg.norm(quaternions, axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        w, x, y, z = np.where(lengths > 1e-9, quaternions / lengths, np.nan).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rows, dtype=np.float64).transpose(2, 0, 1).reshape(-1, 3, 3)


@dataclass(frozen=True, eq=False)
class Cloud:
    """The key frame of the lidar in one sample. global_from_sensor, global_from_ego: (4, 4)."""

    sample_token: str
    row: Row
    global_from_sensor: Array
    global_from_ego: Array


def clouds_of(scene: RawScene) -> dict[str, Cloud]:
    """Sample token -> its cloud, where the row, the mount and the ego's pose are all there and make sense."""
    poses = _transforms(scene.by_token("ego_pose", "translation", "rotation"))
    mounts = _transforms(scene.by_token("calibrated_sensor", "translation", "rotation"))
    found: dict[str, Cloud] = {}
    fields = ("sample_token", "ego_pose_token", "calibrated_sensor_token", "is_key_frame", "is_valid")
    for row in scene.sound("sample_data", *fields):
        sensor = scene.sensors.get(row["calibrated_sensor_token"])
        pose, mount = poses.get(row["ego_pose_token"]), mounts.get(row["calibrated_sensor_token"])
        if row["is_key_frame"] and sensor and sensor["channel"] == scene.lidar_channel:
            if pose is None or mount is None:
                continue
            cloud = Cloud(row["sample_token"], row, compose(pose, mount), pose)
            found.setdefault(row["sample_token"], cloud)
    return found


def _transforms(rows: dict[str, Row]) -> dict[str, Array]:
    found = {}
    for token, row in rows.items():
        try:
            found[token] = transform(rotation_from_quaternion(row["rotation"]), row["translation"])
        except ValueError:  # no rotation, which the geometry tells
            continue
    return found
