"""One training: mmengine's Runner in a scratch folder, and what it leaves, moved whole to where DVC looks for it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.runner import CheckpointLoader, Runner

from t4zoo.errors import UsageError
from t4zoo.models.common import checkpoint, loader
from t4zoo.models.common.curves import FILES as CURVES
from t4zoo.whole import refuse_strangers

LOG = "train_log.log"
NOISE = ("Exp name: ", "Distributed training is not used")  # said by mmengine at every turn, and nothing to a user


class SetEpoch(Hook):
    """Tells the dataset which epoch it is, since its augmentations follow from seed, epoch and index."""

    def before_train_epoch(self, runner: Any) -> None:
        """Called by the Runner."""
        runner.train_dataloader.dataset.set_epoch(runner.epoch)


class StartFrom(Hook):
    """Begins from the weights of `parent`; they must fit but for what belongs to other classes."""

    def __init__(self, parent: str) -> None:
        self.parent = parent

    def before_train(self, runner: Any) -> None:
        """Called by the Runner."""
        loaded = checkpoint.Checkpoint(**CheckpointLoader.load_checkpoint(self.parent, map_location="cpu"))
        model = _network(runner)
        left = checkpoint.start_from(model, loaded, self.parent)
        runner.logger.info(f"started from {self.parent}" + (f"; not taken over: {', '.join(left)}" if left else ""))


class QuietRunner(Runner):
    """A Runner whose log has a fixed name, and whose screen shows lines but no pages; the file has both."""

    def build_logger(self, log_level: int | str = "INFO", log_file: str | None = None, **kwargs: Any) -> MMLogger:
        """Called by the Runner, before it logs anything."""
        logger = super().build_logger(log_level, str(Path(self.work_dir) / LOG), **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_is_line)
        return logger


def _is_line(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return "\n" not in message and not message.startswith(NOISE)


def _network(runner: Runner) -> Any:
    """The model itself, where several GPUs have it wrapped."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def train(settings: dict[str, Any], meta: dict[str, Any], out: Path, parent: str, fetch: Callable[[str], Path]) -> Path:
    """Train as `settings`, an mmengine configuration, says; the checkpoint's path in `out`, which is replaced whole.

    meta: goes into the checkpoint, with `model`, the network's arguments, and `epoch` added.
    parent: see `checkpoint.resolve`; fetch brings a released version or a URL to a local file.
    Raises T4zooError subclasses for data, parents and settings that cannot be used.
    """
    for name, count in (
        ("epochs", settings["train_cfg"]["max_epochs"]),
        ("batch_size", settings["train_dataloader"]["batch_size"]),
    ):
        if not isinstance(count, int) or count < 1:
            raise UsageError(f"algorithm.{name} is {count}; give it a whole number of at least 1")
    refuse_strangers(out, ("epoch_*.pth", "config.py", LOG, *CURVES))
    # A presigned URL's query is a permission: neither config.py nor a log may keep it.
    shown = parent.partition("?")[0] if "://" in parent else parent
    fetch_once = cache(lambda reference: fetch(parent if reference == shown else reference))
    loader.register(fetch_once)
    if checkpoint.resolve(shown, fetch_once):
        hook = {"type": f"{__name__}.{StartFrom.__name__}", "parent": shown}
        settings = {**settings, "custom_hooks": [*settings["custom_hooks"], hook]}
    if not torch.cuda.is_available():
        torch.set_num_threads(1)  # see docs/decisions/one-thread.md
        if settings["optim_wrapper"]["type"].endswith("AmpOptimWrapper"):
            raise UsageError("AMP needs a GPU, and there is none here; choose `launcher=local`")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        work, results = Path(scratch) / "work", Path(scratch) / "results"
        results.mkdir()
        Config(settings).dump(results / "config.py")
        # mmengine adds dated files and folders of its own to its working folder; only what is named here is kept.
        runner = _runner({**settings, "work_dir": str(work)})
        runner.train()
        weights = results / f"epoch_{runner.epoch}.pth"
        checkpoint.save(
            weights, _network(runner).state_dict(), {**meta, "model": settings["model"], "epoch": runner.epoch}
        )
        if runner.rank == 0:
            for name in (LOG, *CURVES):
                (work / name).replace(results / name)
            if out.exists():
                out.rename(Path(scratch) / "before")
            results.rename(out)
    return out / weights.name


def _runner(settings: dict[str, Any]) -> QuietRunner:
    try:
        return QuietRunner.from_cfg(Config(settings))
    except (TypeError, ValueError, KeyError, ImportError) as error:
        raise UsageError(f"the configuration names what cannot be built: {error}") from error
