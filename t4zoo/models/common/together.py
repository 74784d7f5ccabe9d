"""Sums and means over the processes that train together, each of which has a share of every batch."""

from __future__ import annotations

from torch import Tensor, distributed


def number_of_processes() -> int:
    """How many train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def sum_of_all(values: Tensor) -> Tensor:
    """The sum of the processes' tensors, in each of them; without a gradient. All of them have to ask for it."""
    values = values.detach().clone()
    if number_of_processes() > 1:
        distributed.all_reduce(values)
    return values


def mean_of_all(values: Tensor) -> Tensor:
    """As `sum_of_all`, divided by the number of processes."""
    return sum_of_all(values) / number_of_processes()
