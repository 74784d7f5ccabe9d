"""Points as Autoware's CenterPoint node hands them to the pillar encoder: the node's preprocessing, in numpy.

Formulas: preprocess_kernel.cu of autoware_lidar_centerpoint (contracts/ORIGIN.md names the commit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.export.CenterPoint.node_constants import POINTS_PER_PILLAR
from t4zoo.export.node_grid import fill, grid_size, pillars_of

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pillars:
    """features: (V, 32, C), zero where a pillar has fewer points. cells: (V, 2) of ints, y and x of the grid.

    crowded: how many pillars had more than 32 points; the node keeps 32 of them by chance, this keeps the first.
    dropped: how many pillars there were beyond max_voxel_size.
    """

    features: Float32
    cells: NDArray[np.int64]
    crowded: int
    dropped: int


def pillars(points: Float32, model: dict[str, Any]) -> Pillars:
    """points: (N, point_feature_size) x, y, z [m], intensity (of 5), time lag [s]. model: the bundle's `model_params`.

    C is encoder_in_feature_size: 9 = x, y, z, lag, offsets from the mean (3) and from the pillar's centre (x, y);
    10 = with the centre's z; 11 = with the intensity before the lag. At most max_voxel_size pillars, row by row.
    """
    low, high = np.array(model["point_cloud_range"], np.float32).reshape(2, 3)
    voxel = np.array(model["voxel_size"], np.float32)
    points = points[np.all((points[:, :3] >= low) & (points[:, :3] < high), axis=1)]
    grid = grid_size(model["point_cloud_range"], model["voxel_size"])
    cells = pillars_of(points, model["point_cloud_range"], model["voxel_size"])
    filled = fill(points, cells, (grid.y, grid.x), POINTS_PER_PILLAR, limit=model["max_voxel_size"])
    features = _decorate(filled.points, filled.counts, filled.cells, low, voxel, model["encoder_in_feature_size"])
    return Pillars(features, filled.cells, filled.crowded, filled.dropped)


def _decorate(
    filled: Float32, counts: NDArray[np.int64], cells: NDArray[np.int64], low: Float32, voxel: Float32, size: int
) -> Float32:
    xyz = filled[..., :3]
    mean = xyz.sum(axis=1, dtype=np.float32) / counts[:, None].astype(np.float32)
    index = np.concatenate([cells[:, ::-1], np.zeros((len(cells), 1), np.int64)], axis=1)
    centre = voxel / 2 + index.astype(np.float32) * voxel + low
    offsets = xyz - centre[:, None]
    features = np.concatenate([filled, xyz - mean[:, None], offsets[..., :2] if size == 9 else offsets], axis=2)
    valid = np.arange(POINTS_PER_PILLAR) < counts[:, None]
    return np.where(valid[..., None], features, np.float32(0.0))


def canvas(pillar_features: Float32, cells: NDArray[np.int64], model: dict[str, Any]) -> Float32:
    """(1, 32, y, x): the encoder's (V, 32) or (V, 1, 32) in their cells (scatter_kernel.cu), zero elsewhere."""
    grid = grid_size(model["point_cloud_range"], model["voxel_size"])
    rows = pillar_features.reshape(len(cells), pillar_features.shape[-1])
    image = np.zeros((1, rows.shape[1], grid.y, grid.x), np.float32)
    image[0][:, cells[:, 0], cells[:, 1]] = rows.T
    return image
