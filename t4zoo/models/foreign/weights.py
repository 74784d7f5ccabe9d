"""Whose weights a foreign model takes: all of its own for a test, what fits of others' for the begin of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from torch import Tensor, nn

from t4zoo.models.common.checkpoint import CheckpointError
from t4zoo.models.common.snapshot import network

WRAPPED = "module."  # before each name, when a model was saved as several GPUs had it wrapped


def plain_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights by the names that they have in the model itself."""
    return {name.removeprefix(WRAPPED): value for name, value in weights.items()}


def unfit(model: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """The names of the model's weights that `weights` has not, or in another shape."""
    mine = model.state_dict()
    return [name for name, value in mine.items() if name not in weights or weights[name].shape != value.shape]


def take_all(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Give the model its weights; others are left. Raises CheckpointError where one is missing."""
    weights = plain_names(weights)
    lacking = unfit(model, weights)
    if lacking:
        raise CheckpointError(
            f"{where}: not of the model that the configuration names; {len(lacking)} of its weights are missing or of "
            f"another shape, as {lacking[0]}"
        )
    model.load_state_dict({name: weights[name] for name in model.state_dict()})


class TakeAll(Hook):
    """Refuses a checkpoint that lacks a weight of the model, before mmengine loads what it finds of it."""

    def __init__(self, where: str) -> None:
        self.where = where

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Called by the Runner."""
        take_all(network(runner), checkpoint["state_dict"], self.where)


class TakeWhatFits(Hook):
    """Says what of a parent's weights does not fit, drops it, and refuses a parent of which nothing fits."""

    priority = "HIGHEST"  # before averaged weights begin with what was loaded

    def __init__(self, where: str) -> None:
        self.where = where

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Called by the Runner."""
        model = network(runner)
        theirs = plain_names(checkpoint["state_dict"])
        left = unfit(model, theirs)
        mine = model.state_dict()
        if len(left) == len(mine):
            raise CheckpointError(f"{self.where}: not one of its weights fits the model that the configuration names")
        # A name that stays must have a value of the model's shape: averaged weights are loaded strictly.
        checkpoint["state_dict"] = {name: mine[name] if name in left else theirs[name] for name in mine}
        runner.logger.info(f"started from {self.where}" + (f"; not taken over: {', '.join(left)}" if left else ""))
