"""Volumes as lists of voxels, by spconv: what is empty costs nothing, so that grids of full size fit into a GPU."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor, nn

from t4zoo.errors import UsageError
from t4zoo.models.common.volume import Form, Rows, Step
from t4zoo.models.common.voxels import Voxels

INTO_STATE = (0, 4, 1, 2, 3)  # spconv keeps a weight as (out, z, y, x, in), and every state_dict as (out, in, z, y, x)
FROM_STATE = (0, 2, 3, 4, 1)


class Sparse(Form):
    """See `Form`. Raises UsageError where spconv is not installed."""

    def __init__(self) -> None:
        try:
            self.spconv: Any = importlib.import_module("spconv.pytorch")
        except ImportError as error:
            raise UsageError(
                f"encoder.convolution is sparse, which needs spconv, and that cannot be imported here ({error}); "
                "install t4zoo with the extra `spconv`; a small grid can be computed as dense, with the same weights"
            ) from None

    def submanifold(self, in_channels: int, out_channels: int, level: int) -> nn.Module:
        """See `Form`. Which voxels are neighbours is found once a level."""
        key = f"level{level}"
        return _saved_alike(self.spconv.SubMConv3d(in_channels, out_channels, 3, padding=1, bias=False, indice_key=key))

    def strided(self, in_channels: int, out_channels: int, kernel: Step, stride: Step, padding: Step) -> nn.Module:
        """See `Form`."""
        return _saved_alike(self.spconv.SparseConv3d(in_channels, out_channels, kernel, stride, padding, bias=False))

    def volume(self, voxels: Voxels, batch: int, shape: Step) -> Any:
        """See `Form`. Raises UsageError where spconv could not compute the gradients."""
        if torch.is_grad_enabled() and not torch.cuda.is_available():
            raise UsageError("spconv learns on a GPU alone, and there is none here; choose encoder.convolution=dense")
        return self.spconv.SparseConvTensor(voxels.features, voxels.cells.int(), list(shape), batch)

    def apply(self, rows: Rows, first: Any, *others: Any) -> Any:
        """See `Form`. The others hold the same voxels in the same order."""
        return first.replace_feature(rows(first.features, *(other.features for other in others)))

    def dense(self, volume: Any) -> Tensor:
        """See `Form`."""
        return volume.dense()


def into_state(weight: Tensor) -> Tensor:
    """(out, in, z, y, x) as a checkpoint has it, from spconv's (out, z, y, x, in)."""
    return weight.permute(INTO_STATE)


def from_state(weight: Tensor) -> Tensor:
    """spconv's (out, z, y, x, in) from (out, in, z, y, x)."""
    return weight.permute(FROM_STATE)


def _saved_alike(convolution: nn.Module) -> nn.Module:
    """The convolution, whose state_dict has the weight as the dense form has it."""
    convolution.register_state_dict_post_hook(_save)
    convolution.register_load_state_dict_pre_hook(_load)
    return convolution


def _save(module: nn.Module, state: dict[str, Tensor], prefix: str, metadata: Any) -> None:
    state[f"{prefix}weight"] = into_state(state[f"{prefix}weight"])


def _load(module: nn.Module, state: dict[str, Tensor], prefix: str, *further: Any) -> None:
    if f"{prefix}weight" in state:
        state[f"{prefix}weight"] = from_state(state[f"{prefix}weight"]).contiguous()
