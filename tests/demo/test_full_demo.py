"""The full demo, every model trained for two epochs: all that it names is built, labelled, released and judged."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from pathlib import Path

import pytest

from t4zoo.demo.full import CHAIN, HOME, LABELS, RELEASES
from t4zoo.zoo.manifest import Manifest
from t4zoo.zoo.storage.server import Server
from tests.copies import ROOT, commit_all, copy_of_this_repository, environment_at
from tests.demo.conftest import Made


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Made:
    environment = environment_at(tmp_path_factory.mktemp("full-home"))
    template = copy_of_this_repository(tmp_path_factory.mktemp("full-template"))
    commit_all(template)
    command = ["t4zoo", "demo", "--full", "--epochs", "2"]
    done = subprocess.run(
        command, cwd=template, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return Made(template, template / HOME, done.stdout, environment)


@pytest.fixture(scope="module")
def shown(full: Made) -> dict[str, Manifest]:
    """What the zoo says of each model."""
    with Server(full.home / "s3") as server:
        full.environment.update(server.environment)
        models = [name for name in RELEASES if name.partition("/")[0] not in ("auto_label", "info@v0.1.0")]
        return {name: Manifest.model_validate_json(full.run("t4zoo", "show", name, "--json").stdout) for name in models}


def test_make_demo_full_is_this_command():
    assert "@t4zoo demo --full" in (ROOT / "Makefile").read_text()


def test_each_model_of_the_chain_is_the_parent_of_the_next(shown: dict[str, Manifest]):
    for parent, child in itertools.pairwise(CHAIN):
        link = shown[f"CenterPoint/{child}@v1.0.0"].parent
        assert link is not None and link.name == f"CenterPoint/{parent}@v1.0.0"


def test_each_detector_is_released_with_its_bundle_and_its_score(shown: dict[str, Manifest]):
    files = {name.partition("/")[0]: {file.path for file in one.files} for name, one in shown.items()}
    assert "pts_voxel_encoder.onnx" in files["CenterPoint"]
    assert {"transfusion.onnx", "transfusion.param.yaml"} <= files["TransFusion"]
    assert {"bevfusion_lidar.onnx", "ml_package_bevfusion_lidar.param.yaml"} <= files["BEVFusion"]
    assert all(one.metrics is not None for one in shown.values())


def test_the_pretrained_model_learnt_from_the_fleets_labels_and_is_judged_on_peoples(full: Made):
    from t4zoo.info import load

    train, test = (load(full.clone / f"info/pseudo/info_{split}.pkl").frames for split in ("train", "test"))
    assert {frame.lidar_path.split("/")[0] for frame in train} == {"sample_fleet_v1"}
    assert {frame.lidar_path.split("/")[0] for frame in test} == {"db_sample_v1"}
    assert len(train) == 40, "every other of 80 frames"


def test_a_label_names_every_model_that_found_its_object(full: Made):
    tables = sorted((full.clone / "pseudo_t4dataset").rglob("sample_annotation.json"))
    assert len(tables) == 8
    for box in (box for table in tables for box in json.loads(table.read_text())):
        assert box["automatic_annotation"] is True
        assert all(re.match(r"(TransFusion|BEVFusion)/t4base@", by["name"]) for by in box["autolabel_metadata"])


def test_the_labels_are_judged_and_another_threshold_would_run_autolabel_only(full: Made):
    report = json.loads((full.clone / "labels-report/report.json").read_text())
    assert LABELS.partition("/")[2] in json.dumps(report)
    assert re.findall(r"Running stage '([^']+)'", full.output)[-1] == f"autolabel@{LABELS.partition('/')[2]}"
    again = full.output[full.output.index("Another threshold") :]
    assert re.findall(r"Running stage '([^']+)'", again) == [f"autolabel@{LABELS.partition('/')[2]}"]


def test_the_last_screen_has_a_row_a_model(full: Made):
    screen = full.output[full.output.index("On scenes held out") :]
    for name in ("TransFusion/t4base", "BEVFusion/t4base", *(f"CenterPoint/{name}" for name in CHAIN)):
        assert re.search(rf"{name} +0\.\d{{3}}", screen), name


def test_the_users_own_repository_is_untouched(full: Made):
    assert full.run("git", "status", "--porcelain", cwd=full.template).stdout == ""
    assert full.run("git", "tag", cwd=full.template).stdout == ""
    assert not (full.template / Path("data")).exists()
