"""Volumes as dense tensors with a mask: plain operations that run and export everywhere, for small grids."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from t4zoo.models.common.volume import Form, Rows, Step
from t4zoo.models.common.voxels import Voxels


class Volume(NamedTuple):
    """values: (B, C, Z, Y, X). held: (B, 1, Z, Y, X), 1 where there is a voxel and 0 elsewhere."""

    values: Tensor
    held: Tensor


class Convolution(nn.Module):
    """Without a stride it is a submanifold one, whose values beside held voxels `Dense.apply` clears afterwards."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Step, stride: Step | None, padding: Step) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding = kernel, stride, padding
        self.weight = nn.Conv3d(in_channels, out_channels, kernel, bias=False).weight

    def forward(self, volume: Volume) -> Volume:
        """Volume -> volume; a strided one holds each voxel whose kernel reaches one that was held."""
        held = volume.held
        if self.stride:
            held = functional.max_pool3d(held, self.kernel, self.stride, self.padding)
        return Volume(
            functional.conv3d(volume.values, self.weight, stride=self.stride or 1, padding=self.padding), held
        )


class Dense(Form):
    """See `Form`."""

    def submanifold(self, in_channels: int, out_channels: int, level: int) -> nn.Module:
        """See `Form`."""
        return Convolution(in_channels, out_channels, (3, 3, 3), None, (1, 1, 1))

    def strided(self, in_channels: int, out_channels: int, kernel: Step, stride: Step, padding: Step) -> nn.Module:
        """See `Form`."""
        return Convolution(in_channels, out_channels, kernel, stride, padding)

    def volume(self, voxels: Voxels, batch: int, shape: Step) -> Volume:
        """See `Form`."""
        slices, rows, columns = shape
        item, z, y, x = voxels.cells.unbind(dim=1)
        index = ((item * slices + z) * rows + y) * columns + x
        features = torch.cat([voxels.features, torch.ones_like(voxels.features[:, :1])], dim=1)
        flat = features.new_zeros(batch * slices * rows * columns, features.shape[1])
        # The one assignment for which every engine has an operation.
        flat = flat.index_put((index,), features)
        values = flat.reshape(batch, slices, rows, columns, -1).permute(0, 4, 1, 2, 3)
        return Volume(values[:, :-1], values[:, -1:])

    def apply(self, rows: Rows, first: Volume, *others: Volume) -> Volume:
        """See `Form`."""
        everything = [volume.values.permute(0, 2, 3, 4, 1).flatten(0, 3) for volume in (first, *others)]
        held = first.held.flatten()
        if torch.onnx.is_in_onnx_export():  # rows of every voxel and a mask: no shape follows from the data
            flat = rows(*everything) * held[:, None].to(first.values.dtype)
        else:
            index = held.nonzero()[:, 0]
            found = rows(*(one[index] for one in everything))
            flat = found.new_zeros(len(held), found.shape[1]).index_copy(0, index, found)
        batch, _, *shape = first.values.shape
        return Volume(flat.reshape(batch, *shape, -1).permute(0, 4, 1, 2, 3), first.held)

    def dense(self, volume: Volume) -> Tensor:
        """See `Form`."""
        return volume.values
