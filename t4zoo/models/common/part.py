"""One network of a model that goes into a vehicle as a file of its own."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Part:
    """A module in evaluation mode.

    role: which file of the bundle it becomes. examples: inputs of fitting shapes; their values do not matter.
    inputs, outputs: the tensors' names, in order. dynamic: tensor name -> {dimension: what is free to vary there}.
    """

    role: str
    module: nn.Module
    examples: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]]
