"""foreign/dvc.yaml: DVC trains, judges and asks a model of another project, and knows what it is made of."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from t4zoo.info import Info, load, save
from tests.copies import commit_all, copy_of_this_repository, environment_at
from tests.models.street import CLASSES, make_frames
from tests.pipeline import ROOT, import_graph, library_files
from tests.stages.workspace import make_workspace

PIPELINE = yaml.safe_load((ROOT / "foreign" / "dvc.yaml").read_text())["stages"]
LIBRARY = {"train": "training", "evaluate": "detector", "predict": "detector"}  # found by name, so no import shows it
ENTRY = {"algorithm": "Parrot", "model": "tiny", "python": "python", "code": "elsewhere"}
OF_SCENES = {"auto_label": "20241101_sample", "scenes": "sample_raw_v1"}


@pytest.mark.parametrize("stage", PIPELINE)
def test_deps_list_exactly_the_code_that_the_stage_imports(stage):
    foreign = "t4zoo.models.foreign"
    modules = {f"stages.{stage}", f"{foreign}.{LIBRARY[stage]}", f"{foreign}.t4_infos"}
    needed = library_files(import_graph(), modules)
    listed = {dep for dep in PIPELINE[stage]["do"]["deps"] if dep.endswith(".py")}
    assert sorted(needed - listed) == [], "reads what foreign/dvc.yaml does not list: a stale result"
    assert sorted(listed - needed) == [], "does not read what foreign/dvc.yaml lists: a needless rerun"


def test_nothing_is_built_unless_it_is_listed():
    assert yaml.safe_load((ROOT / "foreign" / "params.yaml").read_text()) == {"models": {}, "predictions": {}}


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A copy of this repository with another project in it, whose model is listed."""
    root = copy_of_this_repository(tmp_path_factory.mktemp("repository"))
    elsewhere = ROOT / "tests" / "models" / "foreign" / "elsewhere"
    shutil.copytree(elsewhere, root / "elsewhere", ignore=shutil.ignore_patterns("__pycache__"))
    make_workspace(root, frames=1)
    (root / "data" / "street").mkdir()
    frames = make_frames(root / "data" / "street", 4)
    save(root / "data" / "street" / "info.pkl", Info(CLASSES, "street", frames))
    street = {"dataset": {"data_root": "data/street", "ann_file": "info.pkl"}}
    named = {"config": "elsewhere/configs/parrot/tiny.py"}
    overrides = {"train_dataloader": street, "test_dataloader": street, "train_cfg": {"max_epochs": 5}}
    (root / "conf" / "foreign" / "parrot.yaml").write_text(
        "# parrot: another project's model\n" + yaml.safe_dump({**named, "overrides": overrides})
    )
    data = {"data": "data/street", "test_data": "data/street", "parent": "conf/parents/scratch.yaml"}
    model = {**ENTRY, **data, "foreign": "parrot", "product": "base", "judge": "config"}
    (root / "foreign" / "params.yaml").write_text(
        yaml.safe_dump({"models": {"Parrot-tiny": model}, "predictions": {"x-Parrot-tiny": {**ENTRY, **OF_SCENES}}})
    )
    commit_all(root)
    return root


def dvc(repository: Path, *arguments: str) -> str:
    environment = {**environment_at(repository.parent), "PYTHONPATH": f"{repository}/elsewhere:{repository}"}
    done = subprocess.run(
        ["dvc", *arguments], cwd=repository, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_dvc_builds_it_once_and_again_when_its_code_changes(repository):
    said = dvc(repository, "repro", "foreign/dvc.yaml")
    assert said.count("Running stage") == 3
    out = repository / "models" / "Parrot" / "tiny"
    assert (out / "train" / "epoch_5.pth").is_file()
    assert json.loads((out / "evaluate" / "metrics.json").read_text())["parrot/frames"] == 4
    raw = repository / "auto_label" / "20241101_sample" / "raw" / "pseudo_infos_raw_Parrot-tiny.pkl"
    assert [len(frame.predictions) for frame in load(raw).frames] == [5, 5]
    assert raw.with_suffix(".parquet").is_file()
    assert "parrot/distance" in dvc(repository, "metrics", "show")
    assert "up to date" in dvc(repository, "repro", "foreign/dvc.yaml")
    with (repository / "elsewhere" / "parrot" / "model.py").open("a") as file:
        file.write("\n# another thought\n")
    assert dvc(repository, "repro", "--dry", "foreign/dvc.yaml").count("Running stage") == 3
