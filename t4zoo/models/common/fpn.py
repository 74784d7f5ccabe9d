"""The SECOND FPN neck: the backbone's maps brought to one size and laid on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from t4zoo.errors import UsageError
from t4zoo.models.common.norm import Norm


class SecondFPN(nn.Module):
    """Maps of `in_channels[i]` -> (B, sum(channels), H', W').

    strides[i] above 1 enlarges the map so many times, 1 keeps it, and a fraction such as 0.5 shrinks it.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: Sequence[int],
        strides: Sequence[float],
        norm: dict[str, Any],
    ) -> None:
        super().__init__()
        self.out_channels = sum(channels)
        self.levels = nn.ModuleList(
            nn.Sequential(_resize(before, after, stride), Norm(after, **norm), nn.ReLU(inplace=True))
            for before, after, stride in zip(in_channels, channels, strides, strict=True)
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """The levels side by side in the channels, in the order of the stages."""
        return torch.cat([level(item) for level, item in zip(self.levels, maps, strict=True)], dim=1)


def _resize(before: int, after: int, stride: float) -> nn.Module:
    if stride > 1:
        return nn.ConvTranspose2d(before, after, int(stride), int(stride), bias=False)
    step = round(1 / stride)
    return nn.Conv2d(before, after, step, step, bias=False)


def output_stride(backbone: Sequence[int], neck: Sequence[float]) -> int:
    """How many canvas cells one cell of the neck's map covers; UsageError when its levels would not fit together."""
    covered, sizes = 1, []
    for down, up in zip(backbone, neck, strict=True):
        covered *= down
        sizes.append(covered / up)
    if len(set(sizes)) != 1 or sizes[0] != round(sizes[0]):
        raise UsageError(f"backbone strides {list(backbone)} and neck strides {list(neck)} give maps of unequal size")
    return int(sizes[0])
