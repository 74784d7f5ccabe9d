"""What is fixed in the code of Autoware's CenterPoint node: sizes of its buffers, and how it counts its pillars.

Sources: centerpoint_config.hpp and preprocess_kernel.cu (contracts/ORIGIN.md names the commits).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

POINTS_PER_PILLAR = 32
PILLAR_CHANNELS = 32
POINT_FEATURES = {9: 4, 10: 4, 11: 5}  # encoder_in_feature_size -> the point_feature_size that it is made from

ENCODER_TENSORS = ("input_features", "pillar_features")
HEAD_TENSORS = ("spatial_features", "heatmap", "reg", "height", "dim", "rot", "vel")


class Grid(NamedTuple):
    """Number of pillars along x and y."""

    x: int
    y: int


def grid_size(point_cloud_range: Sequence[float], voxel_size: Sequence[float]) -> Grid:
    """range: x, y, z min, x, y, z max [m]; voxel: x, y, z [m]. The node divides in float32 and cuts off."""
    extent = np.array(point_cloud_range[3:5], np.float32) - np.array(point_cloud_range[:2], np.float32)
    x, y = (extent / np.array(voxel_size[:2], np.float32)).astype(int).tolist()
    return Grid(x, y)
