"""In which precision a training computes; the weights themselves stay in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from t4zoo.errors import UsageError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def check(precision: str) -> None:
    """Raise UsageError for a precision that is none, or that this machine has no use for."""
    if precision not in DTYPES:
        raise UsageError(f"launcher.precision is {precision!r}; choose from {', '.join(DTYPES)}")
    if precision == "float16" and not torch.cuda.is_available():
        raise UsageError(
            "float16 needs a GPU, and there is none here; choose launcher=local, or cpus for several processes"
        )


def computing(precision: str, device: str) -> torch.autocast:
    """Within it, a model on `device` computes in `precision` what torch's autocast deems safe."""
    check(precision)
    return torch.autocast(device.partition(":")[0], DTYPES[precision], enabled=precision != "float32")


class MixedPrecision(OptimWrapper):
    """Computes in `precision` what torch's autocast deems safe, and the rest, as the update of the weights, in float32.

    float16 has no room for small gradients: losses are scaled up first, by a factor that follows from the overflows.
    That factor is part of the state. mmengine's own wrapper does the same, but never on a CPU.
    """

    def __init__(self, precision: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check(precision)
        self.dtype, self.device = DTYPES[precision], "cuda" if torch.cuda.is_available() else "cpu"
        self.scaler = torch.amp.GradScaler(self.device, enabled=self.dtype == torch.float16)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Called around the model's forward."""
        enabled = self.dtype != torch.float32
        with super().optim_context(model), torch.autocast(self.device, self.dtype, enabled=enabled):
            yield

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Gradients of the loss, scaled up."""
        self.scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        """Update the weights, unless a gradient overflowed."""
        if self.clip_grad_kwargs:
            self.scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.scaler.step(self.optimizer, **kwargs)
        self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's state, and the scale of the losses."""
        return {**super().state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        state = dict(state_dict)
        self.scaler.load_state_dict(state.pop("scaler"))
        super().load_state_dict(state)
