"""A workspace as the stages find it: sample scenes, info and untrained weights, under their usual names."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import torch
from omegaconf import OmegaConf

from t4zoo.info import Info, save
from t4zoo.models.common import checkpoint
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import read_scene
from t4zoo.t4.synth_scene import CONCAT, ScenePlan, write_scene
from tests.forked import command as forked
from tests.pipeline import ROOT, compose

CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")


def make_workspace(root: Path, frames: int = 3) -> Path:
    """`root` with two scenes that nobody annotated, an annotated one as test info, and a train folder."""
    scenes = root / "data" / "t4dataset"
    for number in range(2):
        plan = ScenePlan("sample_raw_v1", "test", number, frames, CONCAT, annotated=False)
        write_scene(scenes / plan.dataset / plan.key, plan)
    plan = ScenePlan("db_sample_v1", "test", 0, frames, CONCAT)
    write_scene(scenes / plan.dataset / plan.key, plan)
    labels = LabelMap(CLASSES, {name: name for name in CLASSES})
    read = frames_of(read_scene(scenes / plan.dataset / plan.id), plan.dataset, FrameSettings(labels, max_sweeps=1))
    save(root / "info" / "base" / "info_test.pkl", Info(CLASSES, "base", read))
    write_checkpoint(root / "models" / "CenterPoint" / "t4base" / "train" / "epoch_1.pth")
    return root


def write_checkpoint(path: Path) -> None:
    """Untrained weights of the tiny network; many of its cells score about 0.1."""
    cfg, _ = compose("train")
    network = OmegaConf.to_container(cfg.algorithm.network, resolve=True)
    arguments = dict(network)
    module, _, name = arguments.pop("type").rpartition(".")
    torch.manual_seed(0)
    model = getattr(importlib.import_module(module), name)(**arguments)
    meta = {
        "algorithm": "CenterPoint",
        "name": "t4base",
        "product": "base",
        "class_names": list(CLASSES),
        "max_sweeps": 1,
        "point_features": list(network["point_features"]),
        "model": network,
        "epoch": 1,
    }
    path.parent.mkdir(parents=True)
    checkpoint.save(path, model.state_dict(), meta)


def run(folder: Path, stage: str, *overrides: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """`python -m stages.{stage}` in `folder`; `path` is searched for modules first, torch's among them."""
    if not path:
        return forked.run(
            f"stages.{stage}", *overrides, cwd=folder, environment={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    return subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", *overrides],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(done: subprocess.CompletedProcess[str], stage: str) -> str:
    """The one line that a stage ends with when it cannot go on."""
    assert done.returncode in (1, 2), done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: {stage}: ")
    assert "Traceback" not in done.stderr
    return line
