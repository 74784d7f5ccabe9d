"""Weights averaged over the last iterations, which are what is kept of a training: they err less than the last ones."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from torch import Tensor

from t4zoo.errors import UsageError
from t4zoo.models.common.snapshot import network


class AveragedWeights(Hook):
    """An exponential moving average of all weights and of the statistics of batch norms.

    ema: `momentum`, the share of the newest weights, in (0, 1), or None for no average. At the beginning newer weights
    count more, 9 / (10 + iteration): the random ones that a training starts from would stay in the average for long.
    Source of that: TensorFlow's `ExponentialMovingAverage`, `num_updates`.
    """

    priority = "LOW"  # the parent's weights are there before the average begins

    def __init__(self, ema: dict[str, float] | None) -> None:
        self.momentum = ema["momentum"] if ema else None
        if self.momentum is not None and not 0 < self.momentum < 1:
            raise UsageError(f"algorithm.ema.momentum is {self.momentum}; give a number between 0 and 1")
        self.weights: dict[str, Tensor] = {}
        self.updates = 0

    def state(self) -> dict[str, Any]:
        """What a training that goes on needs of the iterations before."""
        return {"weights": self.weights, "updates": self.updates}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.updates = state["updates"]
        for name, value in state["weights"].items():
            self.weights[name].copy_(value)

    def before_train(self, runner: Any) -> None:
        """Begin with the weights that the training begins with."""
        if self.momentum is not None:
            self.weights = {name: value.detach().clone() for name, value in network(runner).state_dict().items()}

    @torch.no_grad()
    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Take the newest weights in; whole numbers, as counts of batches, are copied."""
        if self.momentum is not None:
            self.updates += 1
            share = max(self.momentum, 9 / (10 + self.updates))
            for name, value in network(runner).state_dict().items():
                if value.is_floating_point():
                    self.weights[name].lerp_(value, share)
                else:
                    self.weights[name].copy_(value)

    def after_train(self, runner: Any) -> None:
        """Leave the average in the network."""
        if self.momentum is not None:
            network(runner).load_state_dict(self.weights)
