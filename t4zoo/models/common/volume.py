"""Convolution in space over voxels most of which are empty: in which form it is computed, and what every form does.

Graham, van der Maaten: "Submanifold Sparse Convolutional Networks" (2017); the strided one as in SECOND (2018).
A submanifold convolution computes at the voxels that are held already; a strided one at every voxel of the coarser grid
whose kernel reaches a held one. Whatever is not held is zero, and counts for no statistic of a batch norm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from t4zoo.models.common.norm import Norm
from t4zoo.models.common.voxels import Voxels

Step = tuple[int, int, int]  # along z, y and x
Rows = Callable[..., Tensor]  # (V, C) rows of one or more volumes to the rows of another


class Form(ABC):
    """How volumes are computed. The weights have the same names and shapes in every form: (out, in, z, y, x)."""

    @abstractmethod
    def submanifold(self, in_channels: int, out_channels: int, level: int) -> nn.Module:
        """Volume -> volume with the same voxels; a 3 x 3 x 3 kernel. level: how often the grid was made coarser."""

    @abstractmethod
    def strided(self, in_channels: int, out_channels: int, kernel: Step, stride: Step, padding: Step) -> nn.Module:
        """Volume -> volume on a coarser grid."""

    @abstractmethod
    def volume(self, voxels: Voxels, batch: int, shape: Step) -> Any:
        """The voxels of `batch` clouds in space; shape: slices, rows and columns."""

    @abstractmethod
    def apply(self, rows: Rows, first: Any, *others: Any) -> Any:
        """The first volume with `rows` of what it and the others hold in place of what it held."""

    @abstractmethod
    def dense(self, volume: Any) -> Tensor:
        """(B, C, Z, Y, X), zero where nothing is held."""


class Block(nn.Module):
    """A convolution, batch norm and ReLU; what is given as a shortcut is added before the ReLU."""

    def __init__(self, form: Form, conv: nn.Module, out_channels: int, norm: dict[str, Any]) -> None:
        super().__init__()
        self.form = form
        self.conv, self.norm = conv, Norm(out_channels, **norm)

    def forward(self, volume: Any, *shortcut: Any) -> Any:
        """Volume -> volume."""
        return self.form.apply(self._rows, self.conv(volume), *shortcut)

    def _rows(self, rows: Tensor, *shortcut: Tensor) -> Tensor:
        return torch.relu(sum(shortcut, start=self.norm(rows)))


class Residual(nn.Module):
    """Two submanifold blocks, the second of which adds what the first was given."""

    def __init__(self, form: Form, channels: int, level: int, norm: dict[str, Any]) -> None:
        super().__init__()
        self.first, self.second = (
            Block(form, form.submanifold(channels, channels, level), channels, norm) for _ in range(2)
        )

    def forward(self, volume: Any) -> Any:
        """Volume -> volume with the same voxels."""
        return self.second(self.first(volume), volume)
