"""How Autoware's nodes count their voxels, and sort points into them.

Sources: the nodes' centerpoint_config.hpp, transfusion_config.hpp and preprocess_kernel.cu (contracts/ORIGIN.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Grid(NamedTuple):
    """Number of pillars along x and y."""

    x: int
    y: int


def grid_size(point_cloud_range: Sequence[float], voxel_size: Sequence[float]) -> Grid:
    """range: x, y, z min, x, y, z max [m]; voxel: x, y, z [m]. The nodes divide in float32 and cut off."""
    extent = np.array(point_cloud_range[3:5], np.float32) - np.array(point_cloud_range[:2], np.float32)
    x, y = (extent / np.array(voxel_size[:2], np.float32)).astype(int).tolist()
    return Grid(x, y)


def layer_count(point_cloud_range: Sequence[float], voxel_size: Sequence[float]) -> int:
    """Number of voxels along z, counted as those along x and y."""
    extent = np.float32(point_cloud_range[5]) - np.float32(point_cloud_range[2])
    return int(extent / np.float32(voxel_size[2]))


def grid_problems(
    point_cloud_range: Sequence[float], voxel_size: Sequence[float], factor: int
) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a range that is no whole number of pillars, or of cells of `factor` pillars.

    As ("voxel_size" or "downsample_factor", problem, cure): a range that is cut off would shift every box.
    """
    low, high, cells = point_cloud_range[:2], point_cloud_range[3:5], grid_size(point_cloud_range, voxel_size)
    for axis, a, b, size, count in zip("xy", low, high, voxel_size[:2], cells, strict=True):
        if abs((b - a) / size - count) > 1e-3:
            problem = f"{a} to {b} m in {axis} is {(b - a) / size:.6g} voxels, and the node makes {count}"
            yield "voxel_size", problem, "choose a range of whole voxels"
        elif count % factor:
            yield (
                "downsample_factor",
                f"{factor} does not divide the {count} voxels in {axis}",
                ("choose a range that it divides"),
            )


class Filled(NamedTuple):
    """points: (V, P, F) of each voxel, zero where it has fewer. counts: (V,). cells: (V, D) as they were given.

    crowded: how many voxels had more than P points; the nodes keep P of them by chance, this keeps the first.
    dropped: how many voxels there were beyond the limit.
    """

    points: NDArray[np.float32]
    counts: NDArray[np.int64]
    cells: NDArray[np.int64]
    crowded: int
    dropped: int


class Voxels(NamedTuple):
    """The inputs of a network that sorts nothing itself, in its order, and `crowded` and `dropped` of `Filled`.

    voxels: (V, P, F). counts: (V,) points of each. coors: (V, D), as the node has them.
    """

    voxels: NDArray[np.float32]
    counts: NDArray[np.int32]
    coors: NDArray[np.int32]
    crowded: int
    dropped: int


def pillars_of(
    points: NDArray[np.float32], point_cloud_range: Sequence[float], voxel_size: Sequence[float]
) -> NDArray[np.int64]:
    """(N, 2) y and x of the pillar of each of (N, F) points, all of which lie within the range."""
    low, voxel = np.array(point_cloud_range[:2], np.float32), np.array(voxel_size[:2], np.float32)
    cells = np.floor((points[:, :2] - low) / voxel).astype(np.int64)
    return np.asarray(np.clip(cells, 0, np.array(grid_size(point_cloud_range, voxel_size)) - 1)[:, ::-1])


def fill(
    points: NDArray[np.float32], cells: NDArray[np.int64], shape: tuple[int, ...], size: int, limit: int
) -> Filled:
    """At most `limit` voxels, row by row, of `size` points each at most.

    cells: (N, D) of the (N, F) points, in a grid of the D numbers `shape`.
    """
    keys, member = np.unique(np.ravel_multi_index(tuple(cells.T), shape), return_inverse=True)
    dropped = max(0, len(keys) - limit)
    keys, slots = keys[:limit], _slots(member)
    kept = (slots < size) & (member < len(keys))
    filled = np.zeros((len(keys), size, points.shape[1]), np.float32)
    filled[member[kept], slots[kept]] = points[kept]
    counts = np.bincount(member[kept], minlength=len(keys))
    cells = np.stack(np.unravel_index(keys, shape), axis=1)
    return Filled(filled, counts, cells, int(np.sum(np.bincount(member) > size)), dropped)


def _slots(member: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each point, how many points of its pillar came before it."""
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(member.max(initial=-1) + 1))
    slots = np.empty_like(order)
    slots[order] = np.arange(len(order)) - starts[member[order]]
    return slots
