"""One training: mmengine's Runner in a scratch folder, and what it leaves, moved whole to where DVC looks for it."""

from __future__ import annotations

import hashlib
import logging
import shutil
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import CheckpointLoader, Runner
from torch import nn

from t4zoo.errors import UsageError
from t4zoo.models.common import checkpoint, loader
from t4zoo.models.common.curves import FILES as CURVES
from t4zoo.models.common.resume import ResumePoint, Snapshots
from t4zoo.models.common.settings import check, of_process
from t4zoo.models.common.snapshot import network
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
        model = network(runner)
        left = checkpoint.start_from(model, loaded, self.parent)
        runner.logger.info(f"started from {self.parent}" + (f"; not taken over: {', '.join(left)}" if left else ""))


class QuietRunner(Runner):
    """A Runner whose log has a fixed name, and whose screen shows lines but no pages; the file has both."""

    log_name = LOG

    def build_logger(self, log_level: int | str = "INFO", log_file: str | None = None, **kwargs: Any) -> MMLogger:
        """Called by the Runner, before it logs anything."""
        logger = super().build_logger(log_level, str(Path(self.work_dir) / self.log_name), **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_is_line)
        return logger

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        """Called by the Runner, which would ask for GPUs where several processes have none."""
        if self.distributed and model_wrapper_cfg is None and not torch.cuda.is_available():
            unused = self.cfg.get("find_unused_parameters", False)
            name = "mmengine.model.MMDistributedDataParallel"
            shared = {"device_ids": None, "broadcast_buffers": False, "find_unused_parameters": unused}
            model_wrapper_cfg = {"type": name, **shared}
        return super().wrap_model(model_wrapper_cfg, model)


def _is_line(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return "\n" not in message and not message.startswith(NOISE)


def train(
    settings: dict[str, Any],
    meta: dict[str, Any],
    out: Path,
    parent: str,
    fetch: Callable[[str], Path],
    resume: str,
) -> Path:
    """Train as `settings`, an mmengine configuration, says; the checkpoint's path in `out`, which is replaced whole.

    meta: goes into the checkpoint, with `model`, the network's arguments, `epoch`, and the sha256 of config.py and of
    the info file added.
    parent: see `checkpoint.resolve`; fetch brings a released version or a URL to a local file.
    resume: `auto` goes on with what a stopped training of the same settings left beside `out`; see `ResumePoint`.
    Several processes have found each other before (`processes.joined`); each has a share of every batch, and the first
    one writes. Raises T4zooError subclasses for data, parents and settings that cannot be used.
    """
    check(settings)
    refuse_strangers(out, ("epoch_*.pth", "config.py", LOG, *CURVES))
    # A presigned URL's query is a permission: neither config.py nor a log may keep it.
    shown = parent.partition("?")[0] if "://" in parent else parent
    fetch_once = cache(lambda reference: fetch(parent if reference == shown else reference))
    loader.register(fetch_once)
    weights_of = checkpoint.resolve(shown, fetch_once)
    if weights_of:
        hook = {"type": f"{__name__}.{StartFrom.__name__}", "parent": shown}
        settings = {**settings, "custom_hooks": [*settings["custom_hooks"], hook]}
    if not torch.cuda.is_available():
        torch.set_num_threads(1)  # see docs/decisions/one-thread.md
    out.parent.mkdir(parents=True, exist_ok=True)
    config = Config(settings).dump()
    point = ResumePoint(out, _made_of(config, settings, weights_of), resume)
    with point.held() as scratch:
        work = scratch / "work"
        mine = of_process(settings, get_world_size(), scratch)
        runner = _runner({**mine, "work_dir": str(work), "experiment_name": uuid.uuid4().hex})
        runner.register_hook(Snapshots(point))
        for line in getattr(network(runner), "remarks", ()):
            runner.logger.info(line)
        runner.train()
        weights = out / f"epoch_{runner.epoch}.pth"
        if runner.rank == 0:
            made_of = {"model": settings["model"], "epoch": runner.epoch, "info_sha256": _digest_of_info(settings)}
            put(out, scratch, config, weights.name, network(runner).state_dict(), {**meta, **made_of})
    return weights


def put(
    out: Path, scratch: Path, config: str, name: str, weights: Mapping[str, torch.Tensor], meta: dict[str, Any]
) -> None:
    """Move what a training made to `out`, in the place of what was there.

    config: the text of config.py, whose sha256 is added to `meta`. name: of the file of weights.
    scratch: a folder on the same disk, whose `work` holds the log and the curves.
    """
    results, before = scratch / "results", scratch / "before"
    for left in (results, before):  # of one that was killed in this very place
        shutil.rmtree(left, ignore_errors=True)
    results.mkdir()
    (results / "config.py").write_text(config, encoding="utf-8")
    checkpoint.save(results / name, weights, {**meta, "config_sha256": checkpoint.digest(results / "config.py")})
    # mmengine adds dated files and folders of its own to its working folder; only what is named here is kept.
    for kept in (LOG, *CURVES):
        (scratch / "work" / kept).replace(results / kept)
    if out.exists():
        out.rename(before)
    results.rename(out)


def _made_of(config: str, settings: dict[str, Any], weights_of: Path | None) -> dict[str, str]:
    """All that decides the weights but the code, which is compared by itself."""
    info = Path(settings["train_dataloader"]["dataset"]["info"])
    return {
        "the configuration": hashlib.sha256(config.encode()).hexdigest(),
        "the info file": checkpoint.digest(info) if info.is_file() else "",
        "the parent": checkpoint.digest(weights_of) if weights_of else "",
        "the number of processes": str(get_world_size()),
        "the device": "cuda" if torch.cuda.is_available() else "cpu",
        "torch": str(torch.__version__),
    }


def _digest_of_info(settings: dict[str, Any]) -> str:
    return checkpoint.digest(Path(settings["train_dataloader"]["dataset"]["info"]))


def _runner(settings: dict[str, Any]) -> QuietRunner:
    try:
        runner = QuietRunner.from_cfg(Config(settings))
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)  # now, and not once it trains
    except (TypeError, ValueError, LookupError, ArithmeticError, ImportError, AttributeError, RuntimeError) as error:
        raise UsageError(f"the configuration names what cannot be built: {error}") from error
    return runner
