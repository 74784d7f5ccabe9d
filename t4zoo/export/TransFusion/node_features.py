"""Points as Autoware's TransFusion node hands them to the network: the node's preprocessing, in numpy.

Formulas: preprocess_kernel.cu of autoware_lidar_transfusion (contracts/ORIGIN.md names the commit).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.export.node_grid import Voxels, fill, grid_size, pillars_of
from t4zoo.export.TransFusion.node_constants import POINTS_PER_PILLAR


def voxels(points: NDArray[np.float32], parameters: dict[str, Any]) -> Voxels:
    """Pillars of 20 points, and their coors as (0, 0, y, x); what lies on a border of the range is left out.

    points: (N, 5) x, y, z [m], intensity, lag [s]. parameters: the bundle's.
    """
    limits, size = parameters["point_cloud_range"], parameters["voxel_size"]
    low, high = np.array(limits, np.float32).reshape(2, 3)
    points = points[np.all((points[:, :3] > low) & (points[:, :3] < high), axis=1)]
    grid, cells = grid_size(limits, size), pillars_of(points, limits, size)
    filled = fill(points, cells, (grid.y, grid.x), POINTS_PER_PILLAR, limit=parameters["voxels_num"][2])
    coors = np.concatenate([np.zeros_like(filled.cells), filled.cells], axis=1).astype(np.int32)
    return Voxels(filled.points, filled.counts.astype(np.int32), coors, filled.crowded, filled.dropped)
