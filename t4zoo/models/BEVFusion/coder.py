"""Boxes to the numbers that a query predicts, and back: the rows of the node's `bbox_pred`.

The rows are x, y [cells of the map], z [m], log l, log w, log h, sin and cos of yaw, vx, vy [m/s]; the node computes
x = row0 * out_size_factor * voxel + min, and takes z as the centre's height (docs/decisions/node-box-convention.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROWS = ("x", "y", "z", "log_l", "log_w", "log_h", "sin", "cos", "vx", "vy")


@dataclass(frozen=True)
class Coder:
    """Cells of `out_size_factor` voxels of `voxel_size` (x, y) [m] that begin at `origin` (x, y) [m]."""

    origin: tuple[float, float]
    voxel_size: tuple[float, float]
    out_size_factor: int

    @property
    def cell_size(self) -> tuple[float, float]:
        """A side of a cell of the map along x and y [m]."""
        return self.voxel_size[0] * self.out_size_factor, self.voxel_size[1] * self.out_size_factor

    def centres(self, boxes: Tensor) -> Tensor:
        """(N, 2) x and y of the centres of (N, 7) boxes, in cells from the origin, with their fraction."""
        return (boxes[:, :2] - boxes.new_tensor(self.origin)) / boxes.new_tensor(self.cell_size)

    def encode(self, boxes: Tensor, velocities: Tensor) -> Tensor:
        """(N, 10) `ROWS` of (N, 7) boxes and (N, 2) velocities, as columns."""
        yaw = boxes[:, 6:7]
        rest = [boxes[:, 2:3], boxes[:, 3:6].log(), yaw.sin(), yaw.cos(), velocities]
        return torch.cat([self.centres(boxes), *rest], dim=1)

    def decode(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 7) boxes with yaw in -pi..pi and (N, 2) velocities from (N, 10) `ROWS` as columns."""
        position = numbers[:, :2] * numbers.new_tensor(self.cell_size) + numbers.new_tensor(self.origin)
        yaw = torch.atan2(numbers[:, 6:7], numbers[:, 7:8])
        return torch.cat([position, numbers[:, 2:3], numbers[:, 3:6].exp(), yaw], dim=1), numbers[:, 8:]
