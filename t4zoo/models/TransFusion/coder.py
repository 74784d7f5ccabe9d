"""Boxes to the numbers that a query predicts, and back.

The numbers are those that Autoware's node reads: the centre in cells of the network's map, (l, w, h) = exp(dim),
yaw = atan2(rot0, rot1), without any further turn (docs/decisions/node-box-convention.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from t4zoo.models.common.query_head import NUMBERS


@dataclass(frozen=True)
class Coder:
    """Cells of `cell_size` (x, y) [m] that begin at `origin` (x, y) [m]."""

    origin: tuple[float, float]
    cell_size: tuple[float, float]

    def centres(self, boxes: Tensor) -> Tensor:
        """(N, 2) x and y of the centres of (N, 7) boxes, in cells from the origin, with their fraction."""
        return (boxes[:, :2] - boxes.new_tensor(self.origin)) / boxes.new_tensor(self.cell_size)

    def encode(self, boxes: Tensor, velocities: Tensor) -> Tensor:
        """(N, 10) `NUMBERS` of (N, 7) boxes and (N, 2) velocities."""
        turn = torch.stack([boxes[:, 6].sin(), boxes[:, 6].cos()], dim=1)
        return torch.cat([self.centres(boxes), boxes[:, 2:3], boxes[:, 3:6].log(), turn, velocities], dim=1)

    def decode(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 7) boxes with yaw in -pi..pi and (N, 2) velocities from (N, 10) numbers."""
        centre, height, dim, rot, velocities = numbers.split(list(NUMBERS.values()), dim=1)
        position = centre * centre.new_tensor(self.cell_size) + centre.new_tensor(self.origin)
        yaw = torch.atan2(rot[:, :1], rot[:, 1:])
        return torch.cat([position, height, dim.exp(), yaw], dim=1), velocities
