"""Boxes to the numbers that the head predicts at a cell, and back: in the convention of Autoware's node.

The node reads (w, l, h) = exp(dim), yaw = atan2(rot0, rot1) and turns the result by `-yaw - pi/2`. The head learns
exactly these numbers, so that an exported model needs no conversion (docs/decisions/node-box-convention.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# The maps of the head in the order in which the node binds them, with their channels; the heatmap comes before them.
CHANNELS = {"reg": 2, "height": 1, "dim": 3, "rot": 2, "vel": 2}


@dataclass(frozen=True)
class Coder:
    """Cells of `cell_size` (x, y) [m] that begin at `origin` (x, y) [m]."""

    origin: tuple[float, float]
    cell_size: tuple[float, float]

    def cells(self, boxes: Tensor) -> Tensor:
        """(N, 2) whole x and y of the cell in which each of the (N, 7) boxes has its centre."""
        return self._position(boxes).floor().long()

    def encode(self, boxes: Tensor, velocities: Tensor, cells: Tensor) -> Tensor:
        """(N, 10) columns reg 2, height 1, dim 3, rot 2, vel 2: what (N, 2) `cells` should say of (N, 7) boxes."""
        length, width, height = boxes[:, 3:6].unbind(dim=1)
        node_yaw = -boxes[:, 6] - math.pi / 2
        return torch.cat(
            [
                self._position(boxes) - cells,
                boxes[:, 2:3],
                torch.stack([width.log(), length.log(), height.log()], dim=1),
                torch.stack([node_yaw.sin(), node_yaw.cos()], dim=1),
                velocities,
            ],
            dim=1,
        )

    def decode(self, cells: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 7) boxes with yaw in -pi..pi and (N, 2) velocities from (N, 2) cells and the (N, 10) values there."""
        reg, height, dim, rot, velocities = values.split(list(CHANNELS.values()), dim=1)
        position = (cells + reg) * reg.new_tensor(self.cell_size) + reg.new_tensor(self.origin)
        width, length, tall = dim.exp().unbind(dim=1)
        yaw = -torch.atan2(rot[:, 0], rot[:, 1]) - math.pi / 2
        yaw = torch.where(yaw < -math.pi, yaw + 2 * math.pi, yaw)
        return torch.cat([position, height, torch.stack([length, width, tall, yaw], dim=1)], dim=1), velocities

    def _position(self, boxes: Tensor) -> Tensor:
        return (boxes[:, :2] - boxes.new_tensor(self.origin)) / boxes.new_tensor(self.cell_size)
