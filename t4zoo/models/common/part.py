"""One network of a model that goes into a vehicle as a file of its own."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Part:
    """A module with one input, in evaluation mode.

    role: which file of the bundle it becomes. example: an input of a fitting shape; its values do not matter.
    input, outputs: the tensors' names, in order. dynamic: tensor name -> {dimension: what is free to vary there}.
    """

    role: str
    module: nn.Module
    example: Tensor
    input: str
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]]
