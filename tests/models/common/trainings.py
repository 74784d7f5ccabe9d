"""Short trainings in this process, which can be stopped at any iteration."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from omegaconf import OmegaConf

from t4zoo import info
from t4zoo.models.common.training import train
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import read_scene
from t4zoo.t4.synth_scene import CONCAT, ScenePlan, write_scene
from tests.models.street import CLASSES, make_frames
from tests.pipeline import CONF, compose

ALGORITHMS = sorted(folder.name for folder in (CONF / "algorithm").iterdir())
EPOCHS, ITERATIONS = 3, 2  # of two frames each


class StopAt(Hook):
    """Raises KeyboardInterrupt, as Ctrl-C and SIGTERM do, when the iteration `number`, counted from 1, is over."""

    number: int | None = None  # no argument: a training that is stopped has the configuration of one that is not
    seen: list[int] = []  # noqa: RUF012
    drawn: dict[int, tuple[float, ...]] = {}  # noqa: RUF012

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        StopAt.seen.append(runner.iter + 1)
        StopAt.drawn[runner.iter + 1] = (random.random(), np.random.rand(), torch.rand(1).item())
        if runner.iter + 1 == StopAt.number:
            raise KeyboardInterrupt


def make_data(root: Path) -> Path:
    frames = make_frames(root, 2 * ITERATIONS)
    info.save(root / "info_train.pkl", info.Info(CLASSES, "base", frames))
    return root


def make_scene(root: Path) -> Path:
    """Data of the three frames of one scene of the sample data."""
    plan, labels = ScenePlan("db", "train", 0, 3, CONCAT), LabelMap(CLASSES, {name: name for name in CLASSES})
    write_scene(root / "db" / plan.key, plan)
    frames = tuple(frames_of(read_scene(root / "db" / plan.id), "db", FrameSettings(labels, max_sweeps=1)))
    info.save(root / "info_train.pkl", info.Info(CLASSES, "base", frames))
    return root


def learn_by_heart(data: Path, out: Path, algorithm: str, steps: int) -> Path:
    """Train the tiny network on all frames at once, as they are, `steps` times."""
    still = "algorithm.augment={flip_x: 0.0, flip_y: 0.0, half_turn: 0.0, rotation: 0.0, scale: 0.0}"
    choices = (f"algorithm={algorithm}/tiny", "algorithm.batch_size=3", f"algorithm.epochs={steps}", still)
    return run(data, out, *choices, resume="never")


def run(data: Path, out: Path, *overrides: str, stop: int | None = None, resume: str = "auto", **further: Any) -> Path:
    """Train the tiny network; `stop` is the iteration that is the last. further: settings of mmengine."""
    given = (f"info={data}/info_train.pkl", f"data_root={data}", f"algorithm.epochs={EPOCHS}", *overrides)
    cfg, _ = compose("train", given)
    settings = OmegaConf.to_container(cfg.runner, resolve=True)
    settings.update(further)
    settings["custom_hooks"].append({"type": f"{__name__}.StopAt"})
    StopAt.number, StopAt.seen, StopAt.drawn = stop, [], {}
    return train(settings, {"class_names": list(CLASSES)}, out, cfg.parent, Path, resume)
