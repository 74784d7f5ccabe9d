"""Points as Autoware's BEVFusion node hands them to the network: the node's preprocessing, in numpy.

Formulas: preprocess_kernel.cu of autoware_bevfusion, and the Point2Voxel of spconv that it calls (contracts/ORIGIN.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.export.node_grid import Voxels, fill, grid_size, layer_count


def voxels(points: NDArray[np.float32], parameters: dict[str, Any]) -> Voxels:
    """Voxels, and their coors as (z, y, x); a point is left out when its voxel lies outside of the grid.

    points: (N, F) x, y, z [m], intensity where use_intensity says so, lag [s]. parameters: the bundle's.
    """
    limits, size = parameters["point_cloud_range"], parameters["voxel_size"]
    grid = grid_size(limits, size)
    shape = (layer_count(limits, size), grid.y, grid.x)
    low, step = np.array(limits[:3], np.float32), np.array(size, np.float32)
    cells = np.floor((points[:, :3] - low) / step).astype(np.int64)[:, ::-1]
    inside = np.all((cells >= 0) & (cells < shape), axis=1)
    size_of_voxel, most = parameters["max_points_per_voxel"], parameters["voxels_num"][2]
    filled = fill(points[inside], cells[inside], shape, size_of_voxel, limit=most)
    coors = filled.cells.astype(np.int32)
    return Voxels(filled.points, filled.counts.astype(np.int32), coors, filled.crowded, filled.dropped)
