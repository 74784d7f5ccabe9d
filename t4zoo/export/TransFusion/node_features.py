"""Points as Autoware's TransFusion node hands them to the network: the node's preprocessing, in numpy.

Formulas: preprocess_kernel.cu of autoware_lidar_transfusion (contracts/ORIGIN.md names the commit).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from t4zoo.export.node_grid import fill
from t4zoo.export.TransFusion.node_constants import POINTS_PER_PILLAR


class Voxels(NamedTuple):
    """The network's three inputs.

    voxels: (V, 20, 5), zero where a pillar has fewer points. num_points: (V,). coors: (V, 4) as (0, 0, y, x).
    crowded: how many pillars had more than 20 points, of which the node keeps 20 by chance and this the first.
    dropped: how many pillars there were beyond the most that the parameters allow.
    """

    voxels: NDArray[np.float32]
    num_points: NDArray[np.int32]
    coors: NDArray[np.int32]
    crowded: int
    dropped: int


def voxels(points: NDArray[np.float32], parameters: dict[str, Any]) -> Voxels:
    """points: (N, 5) x, y, z [m], intensity, lag [s]. parameters: the bundle's; what lies on a border is left out."""
    low, high = np.array(parameters["point_cloud_range"], np.float32).reshape(2, 3)
    points = points[np.all((points[:, :3] > low) & (points[:, :3] < high), axis=1)]
    filled = fill(
        points,
        parameters["point_cloud_range"],
        parameters["voxel_size"],
        POINTS_PER_PILLAR,
        limit=parameters["voxels_num"][2],
    )
    coors = np.concatenate([np.zeros_like(filled.cells), filled.cells], axis=1).astype(np.int32)
    return Voxels(filled.points, filled.counts.astype(np.int32), coors, filled.crowded, filled.dropped)
