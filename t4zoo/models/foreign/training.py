"""One training of a foreign model: its own configuration in mmengine's Runner, and the files that ours leave."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size, init_dist, is_distributed
from mmengine.runner import EpochBasedTrainLoop

from t4zoo.errors import T4zooError, UsageError
from t4zoo.info import InfoError, load
from t4zoo.models.common import checkpoint, loader
from t4zoo.models.common.curves import FILES as CURVES
from t4zoo.models.common.curves import Curves
from t4zoo.models.common.resume import ResumePoint, Snapshots
from t4zoo.models.common.snapshot import network
from t4zoo.models.common.training import LOG, QuietRunner, put
from t4zoo.models.foreign.averages import KeptAverages
from t4zoo.models.foreign.configuration import FAR, Source, cannot_be_built, class_names, datasets, max_sweeps, read
from t4zoo.models.foreign.weights import TakeWhatFits
from t4zoo.scene_files import is_far
from t4zoo.whole import refuse_strangers

NEEDED = ("train_dataloader", "train_cfg", "optim_wrapper")


def train(
    source: Source,
    meta: dict[str, Any],
    out: Path,
    parent: str,
    fetch: Callable[[str], Path],
    resume: str,
    launcher: str,
    seed: int,
) -> Path:
    """Train as the configuration of `source` says; the checkpoint's path in `out`, which is replaced whole.

    meta, out, parent, fetch, resume: as in `common.training.train`; the weights of a parent that do not fit are left,
    and named in the log. Without a parent the configuration's own `load_from` holds. seed: where it names none.
    What is kept are the weights of the last epoch, averaged where the configuration has an `EMAHook`; a training that
    counts iterations is one epoch, and is not gone on with.
    """
    refuse_strangers(out, ("epoch_*.pth", "config.py", LOG, *CURVES))
    shown = parent.partition("?")[0] if "://" in parent else parent  # a query may be a permission
    fetch_once = cache(lambda reference: fetch(parent if reference == shown else reference))
    loader.register(fetch_once)
    config, added = read(source, fetch_once)
    weights_of = checkpoint.resolve(shown, fetch_once)
    config.load_from = shown if weights_of else config.get("load_from")
    config.resume = False
    config.randomness = {"seed": seed, **{k: v for k, v in (config.get("randomness") or {}).items() if v is not None}}
    config.launcher = launcher
    lacking = [name for name in NEEDED if config.get(name) is None]
    if lacking:
        raise UsageError(f"{source.shown}: has no {' and no '.join(lacking)}, so nothing can be trained by it")
    _refuse_far(config)
    if not torch.cuda.is_available():
        torch.set_num_threads(1)  # see docs/decisions/one-thread.md
    if launcher != "none" and not is_distributed():
        init_dist(launcher)
    text = config.dump()
    out.parent.mkdir(parents=True, exist_ok=True)
    point = ResumePoint(out, _made_of(config, text, weights_of), resume)
    with point.held() as scratch:
        runner = _runner(config, scratch / "work", point)
        runner.logger.info(f"the configuration is {source.shown}")
        for name in added:
            runner.logger.warning(f"foreign.overrides adds {name}, of which the configuration says nothing")
        runner.train()
        name = f"epoch_{max(1, runner.epoch)}.pth"
        if runner.rank == 0:
            made_of = {
                "class_names": list(class_names(config)),
                "max_sweeps": max_sweeps(config),
                "foreign": True,
                "model": {"type": _type(config)},
                "epoch": runner.epoch,
            }
            put(out, scratch, text, name, _weights(runner), {**meta, **made_of})
    return out / name


def _refuse_far(config: Config) -> None:
    """Raise UsageError where data are clouds in a bucket, of which the configuration's own readers know nothing."""
    for one in (one for name in ("train_dataloader", "val_dataloader") for one in datasets(config.get(name) or {})):
        root = Path(str(one.get("data_root") or ""))
        if not root.is_dir() or not any(is_far(folder / "cloud") for folder in root.iterdir()):
            continue
        name = str(one.get("ann_file") or "")
        path = next((path for path in (Path(name), root / name) if path.is_file()), None)
        try:
            frames = load(path).frames if path else ()
        except InfoError:
            continue  # of a form of its own
        if far := next((frame.lidar_path for frame in frames if is_far(root / frame.lidar_path)), None):
            raise UsageError(FAR.format(root / far))


def _runner(config: Config, work: Path, point: ResumePoint) -> QuietRunner:
    settings = copy.deepcopy(config)
    settings.work_dir, settings.experiment_name = str(work), uuid.uuid4().hex
    settings.setdefault("default_hooks", {})["checkpoint"] = None  # the weights are written once, without times
    settings.update(test_dataloader=None, test_cfg=None, test_evaluator=None)  # `evaluate` tests
    try:
        runner = QuietRunner.from_cfg(settings)
        # Their data are opened here, where what they lack can still be told in a line.
        counts_epochs = isinstance(runner.train_loop, EpochBasedTrainLoop)
        _ = runner.val_loop
    except (T4zooError, OSError):
        raise
    except Exception as error:  # whatever a constructor says of what the configuration gives it
        raise UsageError(cannot_be_built("what the configuration names", error)) from error
    runner.register_hook(TakeWhatFits(str(config.load_from)))
    runner.register_hook(Curves(interval=10))
    if counts_epochs and not isinstance(runner.param_schedulers, dict):
        runner.register_hook(KeptAverages())
        runner.register_hook(Snapshots(point))
    return runner


def _weights(runner: QuietRunner) -> dict[str, torch.Tensor]:
    """What the Runner would save: its hooks may put other weights, as averaged ones, in place of the model's."""
    made: dict[str, Any] = {"meta": {}, "state_dict": network(runner).state_dict(), "message_hub": {}}
    runner.call_hook("before_save_checkpoint", checkpoint=made)
    return dict(made["state_dict"])


def _made_of(config: Config, text: str, weights_of: Path | None) -> dict[str, str]:
    return {
        "the configuration": hashlib.sha256(text.encode()).hexdigest(),
        "the parent": checkpoint.digest(weights_of) if weights_of else "",
        **{f"the module {name}": _digest_of(name) for name in (config.get("custom_imports") or {}).get("imports", [])},
        "the number of processes": str(get_world_size()),
        "the device": "cuda" if torch.cuda.is_available() else "cpu",
        "torch": str(torch.__version__),
    }


def _digest_of(module: str) -> str:
    spec = importlib.util.find_spec(module)
    return checkpoint.digest(Path(spec.origin)) if spec and spec.origin else ""


def _type(config: Config) -> str:
    kind = config.model["type"]
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
