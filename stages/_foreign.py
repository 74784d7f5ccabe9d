"""A model that is not ours, as `foreign:` of conf/ names it: an mmengine configuration file, by path or by URL."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from stages._fetch import fetch
from t4zoo.errors import UsageError

# Found by name, so that our own models, whose stages dvc.yaml lists, do not depend on how others' are run.
LIBRARY = "t4zoo.models.foreign"
JUDGES = ("auto", "boxes", "config")


def train_foreign(cfg: DictConfig, meta: dict[str, Any]) -> Path:
    """The checkpoint of a training as the model's own configuration says; `meta` goes into it."""
    training = import_module(f"{LIBRARY}.training")
    where = Path(cfg.out), cfg.parent, fetch, cfg.resume
    path: Path = training.train(_source(cfg.foreign), meta, *where, cfg.launcher.launcher, cfg.seed)
    return path


def open_foreign(foreign: DictConfig, path: Path, device: str) -> Any:
    """The `Detector` with the weights in `path`."""
    return import_module(f"{LIBRARY}.detector").open_detector(_source(foreign), path, device, fetch)


def is_judged_by_itself(foreign: DictConfig, detector: Any) -> bool:
    """Whether the configuration's own evaluator has the word; `auto` leaves to ours what is made of point clouds."""
    if foreign.judge not in JUDGES:
        raise UsageError(f"foreign.judge is {foreign.judge!r}; choose from {', '.join(JUDGES)}")
    return bool(foreign.judge == "config" or (foreign.judge == "auto" and not detector.takes_points))


def _source(foreign: DictConfig) -> Any:
    overrides = OmegaConf.to_container(foreign.overrides, resolve=True)
    source = import_module(f"{LIBRARY}.configuration").Source
    return source(str(foreign.config), foreign.trust, foreign.sha256, overrides)
