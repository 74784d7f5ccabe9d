"""What averaging hooks of mmengine need to go on in a training that was stopped."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook


class KeptAverages(Hook):
    """Keeps the averaged weights of every `EMAHook` with the snapshots, as `snapshot.take` asks for."""

    def before_run(self, runner: Any) -> None:
        """Called by the Runner."""
        self.hooks = [hook for hook in runner.hooks if hasattr(hook, "ema_model")]

    def state(self) -> dict[str, Any]:
        """One entry a hook, in their order."""
        return {"averages": [hook.ema_model.state_dict() for hook in self.hooks]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for hook, weights in zip(self.hooks, state["averages"], strict=True):
            hook.ema_model.load_state_dict(weights)
