"""Lidar files, and how many of their points lie in a box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from t4zoo.errors import T4zooError
from t4zoo.geometry import rotation_from_yaw
from t4zoo.whole import whole

NUM_FEATURES = 5  # x, y, z [m], intensity [0..255], ring (-1: unused): T4's point

Points = NDArray[np.float32]
Array = NDArray[np.float64]


class PointsError(T4zooError):
    """A lidar file that is missing, empty, or no whole number of points."""


def read_points(path: Path, num_features: int = NUM_FEATURES) -> Points:
    """(N, num_features) float32 of a headerless little-endian file. Raises PointsError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PointsError(f"{path}: cannot read this lidar file ({error.strerror}); fetch the scene again") from None
    _count(path, len(data), num_features)
    return np.frombuffer(data, dtype="<f4").reshape(-1, num_features).astype(np.float32)


def count_points(path: Path, num_features: int = NUM_FEATURES) -> int:
    """How many points a lidar file holds, by its size alone. Raises PointsError as `read_points` does."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise PointsError(f"{path}: cannot read this lidar file ({error.strerror}); fetch the scene again") from None
    return _count(path, size, num_features)


def _count(path: Path, size: int, num_features: int) -> int:
    if not size:
        raise PointsError(f"{path}: this lidar file is empty; fetch the scene again")
    if size % (4 * num_features):
        raise PointsError(
            f"{path}: {size} bytes are no whole number of points of {num_features} float32 values; "
            "fetch the scene again, or name the right number of features in the scene's info file"
        )
    return size // (4 * num_features)


def write_points(path: Path, points: NDArray[np.floating]) -> None:
    """Write (N, features) as little-endian float32, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_bytes(np.ascontiguousarray(points, dtype="<f4").tobytes())


def points_in_boxes_count(points: NDArray[np.floating], boxes: Array) -> NDArray[np.int64]:
    """(M,) numbers of the (N, 3+) points in each of the (M, 7) boxes x, y, z of the centre, l, w, h, yaw; m and rad."""
    rotations = np.array([rotation_from_yaw(yaw) for yaw in boxes[:, 6].tolist()]).reshape(-1, 3, 3)
    return points_in_oriented_boxes_count(points, boxes[:, :3], boxes[:, 3:6], rotations)


def points_in_oriented_boxes_count(
    points: NDArray[np.floating], centres: Array, sizes: Array, rotations: Array
) -> NDArray[np.int64]:
    """(M,) numbers of the (N, 3+) points in each box; a point on the border is inside.

    centres: (M, 3). sizes: (M, 3) length, width, height. rotations: (M, 3, 3), box to points' frame.
    Source of the test: nuscenes-devkit's `points_in_box`, which projects on the edges that leave one corner.
    """
    xyz = np.asarray(points[:, :3], dtype=np.float64)
    counts = np.zeros(len(centres), dtype=np.int64)
    for row, (centre, size, rotation) in enumerate(zip(centres, sizes, rotations, strict=True)):
        near = xyz[_within(xyz, centre, float(np.abs(size).sum()))]
        edges = rotation.T * size[:, None]  # row k: the edge along the box's axis k
        corner = centre - (edges[0] + edges[1] + edges[2]) / 2
        offset = near - corner
        inside = np.ones(len(near), dtype=bool)
        for edge in edges:
            along = offset[:, 0] * edge[0] + offset[:, 1] * edge[1] + offset[:, 2] * edge[2]
            inside &= (along >= 0) & (along <= edge[0] * edge[0] + edge[1] * edge[1] + edge[2] * edge[2])
        counts[row] = np.count_nonzero(inside)
    return counts


def _within(xyz: Array, centre: Array, reach: float) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = (np.abs(xyz[:, 0] - centre[0]) <= reach) & (np.abs(xyz[:, 1] - centre[1]) <= reach)
    return near
