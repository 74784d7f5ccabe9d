"""The voxel encoder: convolutions in space, coarser by steps, whose slices are then laid on top of each other.

Yan, Mao, Li: "SECOND: Sparsely Embedded Convolutional Detection" (2018), the three-dimensional part, with residual
blocks; Liu and others: "BEVFusion: Multi-Task Multi-Sensor Fusion with Unified Bird's-Eye View Representation" (2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from t4zoo.errors import UsageError
from t4zoo.models.common.dense_volume import Dense
from t4zoo.models.common.norm import Norm
from t4zoo.models.common.sparse_volume import Sparse
from t4zoo.models.common.volume import Block, Form, Residual, Step
from t4zoo.models.common.voxels import Voxels

FORMS: dict[str, type[Form]] = {"dense": Dense, "sparse": Sparse}

LAST = (3, 1, 1)  # the kernel of the last convolution, which halves the slices


class VoxelEncoder(nn.Module):
    """(V, in) voxels -> (B, out_channels, H, W).

    shape: slices, rows and columns of the grid. convolution: `dense` or `sparse`, which give the same from the same
    weights. channels[i] and layers[i]: width and residual blocks of a stage; strides[i]: z, y, x of the convolution
    between a stage and the next. norm: eps and momentum.
    """

    def __init__(
        self,
        in_channels: int,
        shape: Step,
        convolution: str,
        channels: Sequence[int],
        layers: Sequence[int],
        strides: Sequence[Sequence[int]],
        norm: dict[str, Any],
    ) -> None:
        super().__init__()
        if convolution not in FORMS:
            raise UsageError(f"encoder.convolution is {convolution!r}; choose from {', '.join(FORMS)}")
        self.form, self.shape = FORMS[convolution](), shape
        self.stride = _stride(shape, strides)
        slices = _slices(shape[0], strides)
        beside = int(slices < LAST[0] or slices % 2 == 0)  # so that the highest slice is seen, too
        self.out_channels = channels[-1] * ((slices + 2 * beside - LAST[0]) // 2 + 1)
        form = self.form
        self.first = Block(form, form.submanifold(in_channels, channels[0], 0), channels[0], norm)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Residual(form, width, level, norm) for _ in range(count)))
            for level, (width, count) in enumerate(zip(channels, layers, strict=True))
        )
        self.between = nn.ModuleList(
            Block(form, form.strided(before, after, (3, 3, 3), (step[0], step[1], step[2]), (1, 1, 1)), after, norm)
            for (before, after), step in zip(pairwise(channels), strides, strict=True)
        )
        last = form.strided(channels[-1], channels[-1], LAST, (2, 1, 1), (beside, 0, 0))
        self.last = Block(form, last, channels[-1], norm)

    def forward(self, voxels: Voxels, batch: int) -> Tensor:
        """The canvas of `batch` clouds, H along y and W along x; of each channel, the slices from the lowest up."""
        if not len(voxels.cells):  # of which spconv computes nothing
            return self._nothing(batch)
        volume = self.stages[0](self.first(self.form.volume(voxels, batch, self.shape)))
        for between, stage in zip(self.between, self.stages[1:], strict=True):
            volume = stage(between(volume))
        return self.form.dense(self.last(volume)).flatten(1, 2)

    def _nothing(self, batch: int) -> Tensor:
        """The canvas without a voxel, zero in either form; every weight has a share in it, and a gradient of zero."""
        zero = 0 * torch.stack([weight.sum() for weight in self.parameters()]).sum()
        for norm in self._norms():  # other processes wait for this one's share of the batch, of no rows
            zero = zero + norm(zero.new_zeros(0, norm.num_features)).sum()
        return zero.expand(batch, self.out_channels, *(cells // self.stride for cells in self.shape[1:]))

    def _norms(self) -> Iterator[Norm]:
        """In the order in which they are come to."""
        parts = [self.first, self.stages[0]]
        for between, stage in zip(self.between, self.stages[1:], strict=True):
            parts += [between, stage]
        yield from (part for block in [*parts, self.last] for part in block.modules() if isinstance(part, Norm))


def _stride(shape: Step, strides: Sequence[Sequence[int]]) -> int:
    """Voxels to a side of a cell of the canvas."""
    rows, columns = (math.prod(step[i] for step in strides) for i in (1, 2))
    if rows != columns:
        raise UsageError(f"encoder.strides {[list(step) for step in strides]} make cells of {columns} x {rows} voxels")
    if shape[1] % rows or shape[2] % rows:
        raise UsageError(
            f"point_cloud_range and voxel_size give {shape[1]} x {shape[2]} voxels, which the encoder's strides do not "
            f"divide evenly; choose a range of a multiple of {rows} voxels"
        )
    return rows


def _slices(slices: int, strides: Sequence[Sequence[int]]) -> int:
    """How many slices the strides leave of the grid's."""
    for step in strides:
        slices = (slices - 1) // step[0] + 1
    return slices
