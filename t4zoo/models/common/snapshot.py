"""The state of everything that learns, taken at the end of an epoch and put back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn


def network(runner: Any) -> nn.Module:
    """The model itself, where several GPUs have it wrapped."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def take(runner: Any) -> dict[str, Any]:
    """The state of everything that learns, at the end of an epoch: builtins and tensors only."""
    return {
        "epoch": runner.epoch + 1,
        "iter": runner.iter,
        "model": network(runner).state_dict(),
        "optimizer": runner.optim_wrapper.state_dict(),
        "schedulers": [_builtins(scheduler.state_dict()) for scheduler in runner.param_schedulers],
        "hooks": {_name(hook): hook.state() for hook in _keeping(runner)},
    }


def restore(runner: Any, snapshot: Mapping[str, Any]) -> None:
    """Put everything that learns into the state of `take`."""
    loop = runner.train_loop
    loop._epoch, loop._iter = snapshot["epoch"], snapshot["iter"]
    network(runner).load_state_dict(snapshot["model"])
    runner.optim_wrapper.load_state_dict(snapshot["optimizer"])
    runner.optim_wrapper.initialize_count_status(runner.model, loop.iter, loop.max_iters)
    for scheduler, state in zip(runner.param_schedulers, snapshot["schedulers"], strict=True):
        scheduler.load_state_dict(state)
    for hook in _keeping(runner):
        hook.set_state(snapshot["hooks"][_name(hook)])
    set_random_state(snapshot["random"][runner.rank])


def random_state() -> dict[str, Any]:
    """The states of Python's, numpy's and torch's generators of random numbers, as builtins and tensors."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": [kind, np.asarray(keys).tolist(), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Make the generators go on as they would have after `random_state`."""
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])


def _keeping(runner: Any) -> list[Any]:
    return [hook for hook in runner.hooks if hasattr(hook, "set_state")]


def _name(hook: Hook) -> str:
    return f"{type(hook).__module__}.{type(hook).__qualname__}"


def _builtins(state: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a scheduler's constructor makes of its arguments anyway, as functions."""
    return {name: value for name, value in state.items() if _is_builtin(value)}


def _is_builtin(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_builtin, value))
    if isinstance(value, dict):
        return all(map(_is_builtin, value.values()))
    return value is None or isinstance(value, bool | int | float | str)
