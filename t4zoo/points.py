"""Lidar files, and how many of their points lie in a box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from t4zoo.errors import T4zooError
from t4zoo.geometry import rotation_from_yaw
from t4zoo.scene_files import contents_of, size_of
from t4zoo.whole import whole

NUM_FEATURES = 5  # x, y, z [m], intensity [0..255], ring (-1: unused): T4's point
MARGIN = 1e-6  # [m]: a point on a border is inside, wherever rounding puts it
CELLS = 128  # along each side of a grid: their numbers fit 16 bits, and those numpy sorts in linear time
PAIRS = 1 << 17  # of a box and a point, held at once: some 30 MB

Points = NDArray[np.float32]
Array = NDArray[np.float64]


class PointsError(T4zooError):
    """A lidar file that is missing, empty, or no whole number of points."""


def read_points(path: Path, num_features: int = NUM_FEATURES) -> Points:
    """(N, num_features) float32 of a headerless little-endian file. Raises PointsError, FarFileError."""
    return next(read_clouds([(path, num_features)]))


def read_clouds(files: Sequence[tuple[Path, int]]) -> Iterator[Points]:
    """`read_points` of several files of one scene; those of a scene far away come at the same time."""
    contents = contents_of(path for path, _ in files)
    for path, num_features in files:
        try:
            data = next(contents)
        except OSError as error:
            raise PointsError(
                f"{path}: cannot read this lidar file ({error.strerror}); fetch the scene again"
            ) from None
        _count(path, len(data), num_features)
        yield np.frombuffer(data, dtype="<f4").reshape(-1, num_features).astype(np.float32)


def count_points(path: Path, num_features: int = NUM_FEATURES) -> int:
    """How many points a lidar file holds, by its size alone. Raises PointsError as `read_points` does."""
    try:
        size = size_of(path)
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
    edges = np.swapaxes(rotations, 1, 2) * sizes[:, :, None]  # (M, 3, 3): row k is the edge along the box's axis k
    corners = centres - (edges[:, 0] + edges[:, 1] + edges[:, 2]) / 2
    reach = np.abs(edges[:, :, :2]).sum(axis=1) / 2 + MARGIN
    counts = np.zeros(len(centres), dtype=np.int64)
    for boxes, near in _near(points, centres[:, :2] - reach, centres[:, :2] + reach):
        inside = _inside(near, corners[boxes], edges[boxes])
        counts += np.bincount(boxes[inside], minlength=len(counts))
    return counts


def _near(points: NDArray[np.floating], lowest: Array, highest: Array) -> Iterator[tuple[NDArray[np.int64], Array]]:
    """Which points may be between (M, 2) lowest and highest x, y: (P,) numbers of boxes and (P, 3) points, in parts.

    Points are sorted into the cells of a grid that holds all boxes, so that those of a box in a row of cells are one
    slice of them.
    """
    if not len(lowest):
        return
    start, end = lowest.min(axis=0), highest.max(axis=0)
    side = (end - start) / CELLS
    x, y = points[:, 0], points[:, 1]
    xyz = points[(x >= start[0]) & (x <= end[0]) & (y >= start[1]) & (y <= end[1]), :3].astype(np.float64)
    cells = _cells(xyz[:, :2], start, side)
    numbers = (cells[:, 1] * CELLS + cells[:, 0]).astype(np.uint16)
    xyz = xyz[np.argsort(numbers, kind="stable")]
    begins = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=CELLS * CELLS))])
    (left, bottom), (right, top) = _cells(lowest, start, side).T, _cells(highest, start, side).T
    boxes, nth = _counted(top - bottom + 1)
    rows = (bottom[boxes] + nth) * CELLS
    first, last = begins[rows + left[boxes]], begins[rows + right[boxes] + 1]
    for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(np.cumsum(last - first) // PAIRS)) + 1):
        strips, nth = _counted(last[part] - first[part])
        yield boxes[part][strips], xyz[first[part][strips] + nth]


def _cells(xy: Array, start: Array, side: Array) -> NDArray[np.int64]:
    return np.minimum((xy - start) / side, CELLS - 1).astype(np.int64)


def _counted(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For runs of these lengths, one after the other, the run that each place is in, and which place of it."""
    runs = np.repeat(np.arange(len(lengths)), lengths)
    return runs, np.arange(len(runs)) - (np.cumsum(lengths) - lengths)[runs]


def _inside(xyz: Array, corners: Array, edges: Array) -> NDArray[np.bool_]:
    """(P,) which of (P, 3) points lie in the box of a corner (P, 3) and three edges (P, 3, 3) each."""
    offset = xyz - corners
    inside = np.ones(len(xyz), dtype=bool)
    for axis in range(3):
        edge = edges[:, axis]
        along = offset[:, 0] * edge[:, 0] + offset[:, 1] * edge[:, 1] + offset[:, 2] * edge[:, 2]
        length = edge[:, 0] * edge[:, 0] + edge[:, 1] * edge[:, 1] + edge[:, 2] * edge[:, 2]
        inside &= (along >= 0) & (along <= length)
    return inside
