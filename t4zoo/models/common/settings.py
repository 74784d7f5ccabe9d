"""What the settings of a training must hold, and what one of its processes makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t4zoo.errors import UsageError
from t4zoo.models.common import precision
from t4zoo.models.common.numbers import check_network, check_numbers, is_count

CHOICES = {
    "augment": ("flip_x", "flip_y", "half_turn", "rotation", "scale"),
    "balance": ("threshold",),
    "ema": ("momentum",),
    "paste": ("epochs", "min_points", "most", "per_frame"),
}


def check(settings: Mapping[str, Any]) -> None:
    """Raise UsageError, naming the key of conf/, for what would fail in the middle of mmengine or not at all."""
    loading = settings["train_dataloader"]
    for name, count in (("epochs", settings["train_cfg"]["max_epochs"]), ("batch_size", loading["batch_size"])):
        if not is_count(count):
            raise UsageError(f"algorithm.{name} is {count}; give it a whole number of at least 1")
    precision.check(settings["optim_wrapper"].get("precision", "float32"))
    for part in (loading["sampler"], loading["dataset"], *settings["custom_hooks"]):
        for name in CHOICES.keys() & part.keys():
            _check_choice(name, part[name])
    check_network(settings["model"])


def _check_choice(name: str, given: Any) -> None:
    if given is None:
        return
    if not isinstance(given, Mapping) or sorted(given) != list(CHOICES[name]):
        raise UsageError(f"algorithm.{name} is {given}; give null, or {', '.join(CHOICES[name])} and no more")
    if not isinstance(given.get("per_frame", {}), Mapping):
        raise UsageError(f"algorithm.{name}.per_frame is {given['per_frame']}; give counts of classes")
    check_numbers(f"algorithm.{name}", given)


def of_process(settings: Mapping[str, Any], processes: int, scratch: Path) -> dict[str, Any]:
    """The settings of one process of `processes`: its share of a batch, and where objects to paste are kept."""
    loading = settings["train_dataloader"]
    share, rest = divmod(loading["batch_size"], processes)
    if rest:
        raise UsageError(
            f"algorithm.batch_size is {loading['batch_size']}; give a multiple of the {processes} processes"
        )
    dataset = dict(loading["dataset"])
    if dataset.get("paste"):
        dataset["paste"] = {**dataset["paste"], "folder": str(scratch / "objects")}
    return {**settings, "train_dataloader": {**loading, "batch_size": share, "dataset": dataset}}
