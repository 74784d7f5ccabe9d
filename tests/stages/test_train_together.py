"""`torchrun ... -m stages.train`: several processes on CPUs, on one machine and on two."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from t4zoo import info
from t4zoo.evaluate.score import Rules, score
from t4zoo.models.common import checkpoint
from t4zoo.models.common.inference import predict
from tests.models.common.trainings import make_data, make_scene, run
from tests.models.street import CLASSES
from tests.pipeline import ROOT

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
HERE = ("--standalone", "--nproc-per-node", "2")
PASTE = "algorithm.paste={per_frame: {truck: 2}, epochs: 3, most: 10, min_points: 5}"
CHOICES = ("algorithm.ema={momentum: 0.1}", "algorithm.balance={threshold: 0.9}", PASTE, "algorithm.epochs=4")
STILL = "algorithm.augment={flip_x: 0.0, flip_y: 0.0, half_turn: 0.0, rotation: 0.0, scale: 0.0}"
BY_HEART = (STILL, "algorithm.epochs=35")
RULES = Rules((2.0,), 2.0, 0.1, 0.1, ((0.0, 16.0),))


def begin(data: Path, out: Path, placed: Iterable[str], *overrides: str) -> subprocess.Popen[str]:
    of = (f"info={data}/info_train.pkl", f"data_root={data}", f"out={out}", "launcher=cpus")
    return launch([*TORCHRUN, *placed, "-m", "stages.train", *of, *overrides])


def launch(command: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> str:
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    return said


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory) -> Path:
    """What two processes make that are on two machines, each with an agent of torchrun's, as it were."""
    out = tmp_path_factory.mktemp("unbroken") / "train"
    with socket.create_server(("127.0.0.1", 0)) as server:
        meet = f"127.0.0.1:{server.getsockname()[1]}"
    agree = (
        "--nnodes",
        "2",
        "--nproc-per-node",
        "1",
        "--rdzv-backend",
        "c10d",
        "--rdzv-id",
        "1",
        "--rdzv-endpoint",
        meet,
    )
    agents = [begin(data, out, (*agree, "--rdzv-conf", f"is_host={first}"), *CHOICES) for first in (1, 0)]
    said = [end(agent) for agent in agents]
    assert sorted(text.count("wrote") for text in said) == [0, 1], "one of them writes, and tells of it"
    return out


def test_processes_on_two_machines_write_one_training(unbroken):
    assert sorted(path.name for path in unbroken.parent.iterdir()) == ["train"]
    assert (unbroken / "train_log.log").read_text().count("Epoch(train) [1]") == 1
    assert checkpoint.build(unbroken / "epoch_4.pth")[1]["epoch"] == 4


def test_one_that_fails_ends_them_all_and_the_same_command_goes_on_to_the_same_bytes(data, unbroken, tmp_path):
    cloud, away = data / "street" / "002.bin", tmp_path / "away"
    training = begin(data, tmp_path / "train", HERE, *CHOICES, "algorithm.cache=false")
    while not (tmp_path / ".train.unfinished" / "snapshot.pth").exists() and training.poll() is None:
        time.sleep(0.005)
    cloud.rename(away)
    _, errors = training.communicate(timeout=60)
    away.rename(cloud)
    assert training.returncode != 0
    assert "002.bin" in errors and "stopped" in errors
    assert not (tmp_path / "train").exists()
    end(begin(data, tmp_path / "train", HERE, *CHOICES, "algorithm.cache=false"))
    assert "goes on after epoch" in (tmp_path / "train" / "train_log.log").read_text()
    for path in unbroken.iterdir():
        if path.name not in ("train_log.log", "config.py", "epoch_4.pth"):
            assert path.read_bytes() == (tmp_path / "train" / path.name).read_bytes(), path.name
    one, two = (checkpoint.load(folder / "epoch_4.pth").state_dict for folder in (unbroken, tmp_path / "train"))
    assert all(value.equal(two[name]) for name, value in one.items())
    assert not (tmp_path / ".train.unfinished").exists()


def test_a_scene_is_learnt_by_two_processes_that_the_environment_names_as_well_as_by_one(tmp_path):
    data = make_scene(tmp_path / "data")
    paths = (f"info={data}/info_train.pkl", f"data_root={data}", f"out={tmp_path}/two/train")
    named = {"T4ZOO_START": shlex.join([*TORCHRUN, *HERE]), "T4ZOO_LAUNCHER": "cpus"}
    end(launch([sys.executable, "-m", "stages.train", *paths, *BY_HEART], **named))
    run(data, tmp_path / "one" / "train", *BY_HEART)
    frames = info.load(data / "info_train.pkl").frames
    found = []
    for folder in ("one", "two"):
        model, _ = checkpoint.build(checkpoint.find(tmp_path / folder / "train"))
        boxes = [rows for _, rows in predict(model, frames, data, "m")]
        found.append(score(frames, boxes, CLASSES, RULES).overall.mean_precision)
    assert min(found) > 0.9
    assert abs(found[0] - found[1]) < 0.05
