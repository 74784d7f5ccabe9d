"""The pillar encoder: each point through one linear layer, each pillar the maximum over its points.

In training it works on points and never on padding; for the vehicle it takes the padded pillars of Autoware's node.
The node's padding rows are zeros that take part in the maximum. They all encode to the same vector, so that one zero
row stands for all the padding of all pillars, and both forms agree.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from t4zoo.models.common.norm import Norm
from t4zoo.models.common.pillars import Pillars


class PillarEncoder(nn.Module):
    """Linear, batch norm, ReLU and the maximum over a pillar's points.

    in_features: as `feature_count` gives. out_channels: 32 is a constant of the node. norm: eps and momentum.
    """

    def __init__(self, in_features: int, out_channels: int, norm: dict[str, Any]) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_channels, bias=False)
        self.norm = Norm(out_channels, **norm)
        self.out_channels = out_channels

    def forward(self, features: Tensor, pillars: Pillars) -> Tensor:
        """(V, out) from the (N, C) features of the points of V pillars."""
        # Of clouds that are empty in range too: other processes wait for this one's share of the batch.
        rows = torch.cat([features, features.new_zeros(1, features.shape[1])])
        encoded = torch.relu(self.norm(self.linear(rows), extra=1))
        points, padding = encoded[:-1], encoded[-1]
        owner = pillars.owner[:, None].expand_as(points)
        # ReLU leaves nothing below 0, so that starting from zeros changes no maximum.
        highest = points.new_zeros(len(pillars.counts), self.out_channels).scatter_reduce(0, owner, points, "amax")
        return torch.where(pillars.counts[:, None] < pillars.max_points, torch.maximum(highest, padding), highest)

    def forward_padded(self, features: Tensor) -> Tensor:
        """(V, 1, out) from (V, P, C) padded pillars: the form that is exported, batch norm in evaluation mode."""
        encoded = self.norm(self.linear(features).transpose(1, 2)).transpose(1, 2)
        return torch.relu(encoded).max(dim=1, keepdim=True).values
