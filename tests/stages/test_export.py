"""`python -m stages.export` as DVC runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from t4zoo.export.CenterPoint.parameters import BUNDLE_FILES
from t4zoo.export.gate import check_bundle
from t4zoo.models.BEVFusion.network import BEVFusion
from t4zoo.models.TransFusion.network import TransFusion
from tests.export.samples import compose_export, make_cloud, make_model, write_workspace
from tests.forked import command as forked
from tests.pipeline import ROOT


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    cfg, clouds = compose_export(), [make_cloud(seed) for seed in range(3)]
    model = make_model(OmegaConf.to_container(cfg.algorithm.network, resolve=True), clouds)
    write_workspace(root, cfg, model, clouds)
    return root


@pytest.fixture
def here(workspace, tmp_path) -> Path:
    return Path(shutil.copytree(workspace, tmp_path / "workspace"))


def export(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # stages are not installed; elsewhere they must be told of
    return forked.run("stages.export", *overrides, cwd=folder, environment=environment)


def test_export_with_no_arguments_makes_the_tiny_default_into_a_sound_bundle(here):
    done = export(here)
    assert done.returncode == 0, done.stderr
    out = here / "models/CenterPoint/t4base/export"
    assert {file.name for file in out.iterdir()} == BUNDLE_FILES
    assert check_bundle("CenterPoint", out) == []
    assert done.stdout.count("node_check: onnxruntime and torch differ by") == 2
    assert done.stdout.splitlines()[-1] == "wrote models/CenterPoint/t4base/export"
    assert {path.name for path in here.iterdir()} == {"models", "info", "data"}


@pytest.mark.parametrize("network", [TransFusion, BEVFusion])
def test_the_bundle_of_another_algorithm_is_a_choice_and_a_wrong_choice_says_which(here, network):
    name = network.__name__
    cfg, clouds = compose_export(algorithm=name), [make_cloud(seed, columns=5) for seed in range(3)]
    model = make_model(OmegaConf.to_container(cfg.algorithm.network, resolve=True), clouds, network)
    write_workspace(here, cfg, model, clouds)
    where = (f"checkpoint=models/{name}/t4base/train", f"out=models/{name}/t4base/export")
    wrong = export(here, *where)
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)
    assert wrong.stderr.rstrip().endswith(f"add autoware={name}")
    done = export(here, *where, f"autoware={name}")
    assert done.returncode == 0, done.stderr
    assert check_bundle(name, here / f"models/{name}/t4base/export") == []


def test_a_missing_checkpoint_is_one_line_that_says_how_to_get_it(here):
    shutil.rmtree(here / "models/CenterPoint/t4base/train")
    done = export(here)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: export: models/CenterPoint/t4base/train: no such folder, file or")


def test_a_wrong_value_of_the_configuration_is_one_line_with_its_key(here):
    done = export(here, "autoware.trt_precision=int8")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "conf/autoware/CenterPoint.yaml: autoware.trt_precision" in done.stderr
    assert not (here / "models/CenterPoint/t4base/export").exists()


def test_what_export_did_not_make_is_never_replaced(here):
    done = export(here, "out=models")
    assert done.returncode == 2
    assert "models: holds CenterPoint" in done.stderr
    assert list((here / "models").rglob("epoch_*.pth"))
