"""Points into voxels, which keep their height: the mean of a voxel's points is its feature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Voxels(NamedTuple):
    """The V voxels of a batch that hold a point. features: (V, F). cells: (V, 4) batch, z, y, x."""

    features: Tensor
    cells: Tensor


@dataclass(frozen=True)
class VoxelGrid:
    """Cells of `voxel_size` (x, y, z) [m] over `point_cloud_range` (x, y, z min, then max) [m].

    max_points: how many points a voxel can hold.
    """

    point_cloud_range: tuple[float, ...]
    voxel_size: tuple[float, ...]
    max_points: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices (z), rows (y) and columns (x)."""
        low, high = self.point_cloud_range[:3], self.point_cloud_range[3:]
        # The quotient of two decimal fractions may fall just short of the whole number that was meant.
        columns, rows, slices = (math.floor((high[i] - low[i]) / self.voxel_size[i] + 1e-6) for i in range(3))
        return slices, rows, columns

    def voxelise(self, clouds: Sequence[Tensor]) -> Voxels:
        """The mean of the points of each voxel of the (N, F) clouds; the first of a voxel, in file order, count."""
        slices, rows, columns = self.shape
        points = torch.cat(list(clouds))
        batch = torch.cat([torch.full((len(cloud),), i, device=cloud.device) for i, cloud in enumerate(clouds)])
        low = points.new_tensor(self.point_cloud_range[:3])
        high = points.new_tensor(self.point_cloud_range[3:])
        inside = ((points[:, :3] >= low) & (points[:, :3] < high)).all(dim=1)
        points, batch = points[inside], batch[inside]
        cell = ((points[:, :3] - low) / points.new_tensor(self.voxel_size)).long()
        x, y, z = torch.minimum(cell, cell.new_tensor([columns - 1, rows - 1, slices - 1])).unbind(dim=1)
        key, order = torch.sort(((batch * slices + z) * rows + y) * columns + x, stable=True)
        keys, owner, counts = torch.unique_consecutive(key, return_inverse=True, return_counts=True)
        rank = torch.arange(len(key), device=key.device) - (counts.cumsum(0) - counts)[owner]
        kept = rank < self.max_points
        total = points.new_zeros(len(keys), points.shape[1]).index_add_(0, owner[kept], points[order[kept]])
        cells = [keys // (slices * rows * columns), keys // (rows * columns) % slices, keys // columns % rows]
        mean = total / counts.clamp(max=self.max_points)[:, None]
        return Voxels(mean, torch.stack([*cells, keys % columns], dim=1))
