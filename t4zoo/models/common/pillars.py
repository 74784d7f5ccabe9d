"""Points into pillars: which point stands in which cell, and what the encoder is told of each point.

The order of the features, the points a pillar and the cell borders are those of Autoware's `preprocess_kernel.cu`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from t4zoo.errors import UsageError

MAX_POINTS = 32  # a pillar's in Autoware's CenterPoint node: a constant there, not a setting; other nodes have another

# What the node knows how to compute: the columns of a point, and whether the distance to the pillar's middle height
# is among its features. Other combinations would train but never run in a vehicle.
NODE_FEATURES = {
    (("x", "y", "z", "lag"), False): 9,
    (("x", "y", "z", "lag"), True): 10,
    (("x", "y", "z", "intensity", "lag"), True): 11,
}


class Pillars(NamedTuple):
    """The kept points of a batch, sorted by pillar.

    points: (N, F), in metres and the frame's lidar coordinates. owner: (N,) row of each point's pillar.
    rank: (N,) place of the point in its pillar. counts: (V,) points a pillar. cells: (V, 3) batch, y, x.
    max_points: how many points a pillar can hold.
    """

    points: Tensor
    owner: Tensor
    rank: Tensor
    counts: Tensor
    cells: Tensor
    max_points: int


@dataclass(frozen=True)
class PillarGrid:
    """Cells of `voxel_size` (x, y, z) [m] over `point_cloud_range` (x, y, z min, then max) [m]; one cell in height.

    max_points: how many points a pillar can hold.
    """

    point_cloud_range: tuple[float, ...]
    voxel_size: tuple[float, ...]
    max_points: int = MAX_POINTS

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (y) and columns (x) of the canvas."""
        low, high = self.point_cloud_range[:3], self.point_cloud_range[3:]
        # The quotient of two decimal fractions may fall just short of the whole number that was meant.
        columns, rows = (math.floor((high[i] - low[i]) / self.voxel_size[i] + 1e-6) for i in (0, 1))
        return rows, columns

    def voxelise(self, clouds: Sequence[Tensor]) -> Pillars:
        """Sort the points of each (N, F) cloud into pillars; the first of a pillar, in file order, are kept."""
        rows, columns = self.shape
        points = torch.cat(list(clouds))
        batch = torch.cat([torch.full((len(cloud),), i, device=cloud.device) for i, cloud in enumerate(clouds)])
        low = points.new_tensor(self.point_cloud_range[:3])
        high = points.new_tensor(self.point_cloud_range[3:])
        inside = ((points[:, :3] >= low) & (points[:, :3] < high)).all(dim=1)
        points, batch = points[inside], batch[inside]
        cell = ((points[:, :2] - low[:2]) / points.new_tensor(self.voxel_size[:2])).long()
        cell = torch.minimum(cell, cell.new_tensor([columns - 1, rows - 1]))
        key, order = torch.sort((batch * rows + cell[:, 1]) * columns + cell[:, 0], stable=True)
        keys, owner, counts = torch.unique_consecutive(key, return_inverse=True, return_counts=True)
        rank = torch.arange(len(key), device=key.device) - (counts.cumsum(0) - counts)[owner]
        kept = rank < self.max_points
        cells = torch.stack([keys // (rows * columns), keys // columns % rows, keys % columns], dim=1)
        counts = counts.clamp(max=self.max_points)
        return Pillars(points[order[kept]], owner[kept], rank[kept], counts, cells, self.max_points)

    def centres(self, cells: Tensor) -> Tensor:
        """(V, 3) middle of each pillar [m]."""
        middle = [low + size / 2 for low, size in zip(self.point_cloud_range[:3], self.voxel_size, strict=True)]
        steps = torch.stack([cells[:, 2], cells[:, 1], torch.zeros_like(cells[:, 0])], dim=1).float()
        return steps * steps.new_tensor(self.voxel_size) + steps.new_tensor(middle)

    def decorate(self, pillars: Pillars, centre_z: bool) -> Tensor:
        """(N, C) the features of each point: its columns, its offset from its pillar's mean point and from its centre.

        C is 9 for x, y, z, lag; 10 with the offset in height from the pillar's middle; 11 with intensity besides.
        """
        position = pillars.points[:, :3]
        total = position.new_zeros(len(pillars.counts), 3).index_add_(0, pillars.owner, position)
        mean = total / pillars.counts[:, None]
        centre = self.centres(pillars.cells)[:, : 3 if centre_z else 2]
        width = centre.shape[1]
        return torch.cat(
            [pillars.points, position - mean[pillars.owner], position[:, :width] - centre[pillars.owner]], dim=1
        )


def pad(pillars: Pillars, features: Tensor) -> Tensor:
    """(V, P, C): the features as the node lays them out, zero rows where a pillar has no more points."""
    padded = features.new_zeros(len(pillars.counts), pillars.max_points, features.shape[1])
    padded[pillars.owner, pillars.rank] = features
    return padded


def spread(encoded: Tensor, cells: Tensor, batch: int, shape: tuple[int, int]) -> Tensor:
    """(B, C, H, W): the (V, C) pillars on their canvas, H along y and W along x, zero where there is no pillar."""
    rows, columns = shape
    canvas = encoded.new_zeros(batch * rows * columns, encoded.shape[1])
    canvas = canvas.index_copy(0, (cells[:, 0] * rows + cells[:, 1]) * columns + cells[:, 2], encoded)
    return canvas.view(batch, rows, columns, -1).permute(0, 3, 1, 2)


def feature_count(point_features: Sequence[str], centre_z: bool) -> int:
    """How many features a point gets; UsageError for a combination that the node does not compute."""
    try:
        return NODE_FEATURES[(tuple(point_features), centre_z)]
    except KeyError:
        known = "; ".join(f"{list(names)} with centre_z={centre}" for names, centre in NODE_FEATURES)
        raise UsageError(
            f"point_features {list(point_features)} with centre_z={centre_z}: Autoware's node computes none such; "
            f"it knows {known}"
        ) from None
