"""The SECOND backbone: stages of plain 3x3 convolutions over the bird's-eye canvas, each coarser than the last.

Yan, Mao, Li: "SECOND: Sparsely Embedded Convolutional Detection" (2018), the two-dimensional part.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from t4zoo.models.common.norm import Norm


def block(in_channels: int, out_channels: int, norm: dict[str, Any], stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """A convolution that keeps the size but for its stride, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False),
        Norm(out_channels, **norm),
        nn.ReLU(inplace=True),
    )


class Second(nn.Module):
    """(B, in, H, W) -> one map a stage, each `strides[i]` times coarser than the one before, `channels[i]` deep.

    layers[i]: convolutions that follow the strided one.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        layers: Sequence[int],
        strides: Sequence[int],
        norm: dict[str, Any],
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(block(before, after, norm, stride), *(block(after, after, norm) for _ in range(count)))
            for (before, after), count, stride in zip(pairwise([in_channels, *channels]), layers, strides, strict=True)
        )

    def forward(self, canvas: Tensor) -> list[Tensor]:
        """The map after each stage, finest first."""
        maps = []
        for stage in self.stages:
            canvas = stage(canvas)
            maps.append(canvas)
        return maps
