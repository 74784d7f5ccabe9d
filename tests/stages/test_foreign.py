"""A model of another project runs through `train`, `evaluate` and `predict`: by path, and by URL."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from t4zoo.info import Info, load, save
from t4zoo.models.common import checkpoint
from tests.forked import command as forked
from tests.models.street import CLASSES, make_frames
from tests.pipeline import ROOT
from tests.stages.workspace import make_workspace, refusal
from tests.zoo.shelf import shelf

ELSEWHERE = ROOT / "tests" / "models" / "foreign" / "elsewhere"
CONFIG = "elsewhere/configs/parrot/tiny.py"
FILES = ["config.py", "epoch_150.pth", "loss.csv", "loss.png", "scalars.json", "train_log.log"]
TRAINED = ["foreign.config=models/Parrot/tiny/train/config.py", "checkpoint=models/Parrot/tiny/train"]


def run(root: Path, stage: str, *overrides: str) -> subprocess.CompletedProcess[str]:
    return forked.run(f"stages.{stage}", *overrides, cwd=root, environment=environment(root))


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{root}/elsewhere:{ROOT}"}


def train(root: Path, out: str, *overrides: str, config: str = CONFIG) -> subprocess.CompletedProcess[str]:
    named = [f"foreign.config={config}", "algorithm.name=Parrot", "model=tiny", f"out={out}"]
    return run(root, "train", *named, "parent=conf/parents/scratch.yaml", *overrides)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A workspace with info files of one street, the other project beside them, and a model trained on the street."""
    root = make_workspace(tmp_path_factory.mktemp("workspace"))
    shutil.copytree(ELSEWHERE, root / "elsewhere", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "conf" / "parents", root / "conf" / "parents")
    frames = make_frames(root / "data" / "t4dataset", 4)
    save(root / "info" / "base" / "info_test.pkl", Info(CLASSES, "base", frames))
    done = train(root, "models/Parrot/tiny/train")
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@pytest.fixture(scope="module")
def of_mmengine(root) -> bytes:
    """What mmengine's own Runner saves of this model: losses, schedulers and averages beside the weights."""
    program = (
        "from mmengine.config import Config; from mmengine.runner import Runner;"
        f"Runner.from_cfg(Config({{**Config.fromfile({CONFIG!r}).to_dict(), 'work_dir': 'work'}})).train()"
    )
    environ = environment(root)
    environ["PYTHONPATH"] = "elsewhere"
    subprocess.run([sys.executable, "-c", program], cwd=root, env=environ, check=True, capture_output=True)
    return (root / "work" / "epoch_150.pth").read_bytes()


def weights(path: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(path).state_dict


def test_a_training_leaves_the_files_that_ours_leave(root):
    out = root / "models" / "Parrot" / "tiny" / "train"
    assert sorted(path.name for path in out.iterdir()) == FILES
    meta = checkpoint.load(out / "epoch_150.pth").meta
    assert (meta["algorithm"], meta["name"], meta["product"], meta["epoch"]) == ("Parrot", "tiny", "base", 150)
    assert meta["class_names"] == list(CLASSES)
    assert meta["config_sha256"] == checkpoint.digest(out / "config.py")
    assert "default_scope = 'parrot'" in (out / "config.py").read_text()
    assert len((out / "loss.csv").read_text().splitlines()) == 151


def test_it_is_judged_by_its_own_evaluator(root):
    done = run(root, "evaluate", *TRAINED, "foreign.judge=config", "out=by_itself")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((root / "by_itself" / "metrics.json").read_text())
    assert metrics.keys() == {"parrot/distance", "parrot/frames"}  # what it says of itself is a text, and no figure
    assert metrics["parrot/distance"] < 1.0 and metrics["parrot/frames"] == 4
    log = (root / "by_itself" / "test_log.log").read_text()
    assert "by the test_evaluator of its configuration" in log and "Parrot/tiny@sha256:" in log
    assert sorted(path.name for path in (root / "by_itself").iterdir()) == ["metrics.json", "test_log.log"]


def test_its_boxes_are_judged_as_ours_are(root):
    done = run(root, "evaluate", *TRAINED, "out=as_ours")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((root / "as_ours" / "metrics.json").read_text())
    assert metrics["mAP_2m"] > 0.9
    assert metrics["mATE_m"] < 1.0 and metrics["mASE"] < 0.3 and metrics["mAOE_rad"] < 0.5


def test_its_predictions_are_those_of_any_model(root):
    done = run(root, "predict", *TRAINED, "model=Parrot-tiny", "out=raw.pkl", "batch_size=2")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) < 6
    info = load(root / "raw.pkl")
    digest = checkpoint.digest(root / "models/Parrot/tiny/train/epoch_150.pth")
    assert info.extra["model"]["name"] == f"Parrot/tiny@sha256:{digest[:12]}"
    assert info.classes == CLASSES and len(info.frames) == 6
    for frame in info.frames:
        assert len(frame.predictions) == 5
        assert frame.predictions.scores.tolist() == sorted(frame.predictions.scores, reverse=True)


def test_configuration_and_checkpoint_both_by_url(root, of_mmengine, alone):
    """As YOLOX is had from MMLab: `_base_` beside it, and a name that says how the sha256 begins."""
    name = f"parrot_tiny-{hashlib.sha256(of_mmengine).hexdigest()[:8]}.pth"
    files = {path.relative_to(ELSEWHERE).as_posix(): path.read_bytes() for path in ELSEWHERE.rglob("configs/**/*.py")}
    with shelf({**files, name: of_mmengine}) as web:
        config = f"{web.url}/configs/parrot/tiny.py"
        named = [f"foreign.config={config}", f"checkpoint={web.url}/{name}", "out=by_url", "foreign.judge=config"]
        line = refusal(run(root, "evaluate", *named), "evaluate")
        trusted = ["foreign.trust=true", f"foreign.sha256={line.partition('foreign.sha256=')[2][:64]}"]
        done = run(root, "evaluate", *named, *trusted)
        assert done.returncode == 0, done.stderr
        assert json.loads((root / "by_url" / "metrics.json").read_text())["parrot/distance"] < 1.0
        assert f"Parrot/{name[:-4]}@sha256:" in (root / "by_url" / "test_log.log").read_text()
        still = ["+foreign.overrides.optim_wrapper.optimizer.lr=0.0", "+foreign.overrides.param_scheduler=[]"]
        done = train(root, "child", f"parent={web.url}/{name}", *trusted, *still, config=config)
        assert done.returncode == 0, done.stderr
    parent, child = weights(root / "work" / "epoch_150.pth"), weights(root / "child" / "epoch_150.pth")
    assert parent.keys() == child.keys()
    for key, value in parent.items():
        torch.testing.assert_close(child[key], value)


def test_without_its_configuration_a_foreign_checkpoint_says_what_to_name(root):
    line = refusal(run(root, "evaluate", "checkpoint=models/Parrot/tiny/train", "out=never"), "evaluate")
    assert "foreign.config=models/Parrot/tiny/train/config.py" in line and "a program" in line
