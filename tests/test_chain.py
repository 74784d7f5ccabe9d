"""The chain of the storage layout with real trainings: nuscenes, t4pretrain, t4base, t4x2, t4x2-50m, and a -release."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from t4zoo.t4.synth_scene import CONCAT, TURNED_TOP, Mount, ScenePlan, write_scene
from t4zoo.zoo.manifest import Manifest
from t4zoo.zoo.releasing.proposal import Wanted
from t4zoo.zoo.releasing.propose import propose_here
from t4zoo.zoo.releasing.refusal import RefusedError
from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.server import Server
from tests.copies import BIN, commit_all, copy_of_this_repository

KINDS = {"nuscenes": "public", "t4pretrain": "pretrain", "t4base": "base", "t4x2": "product", "t4x2-50m": "variant"}
PRODUCT_OF = {"nuscenes": "nuscenes", "t4pretrain": "base", "t4base": "base", "t4x2": "x2", "t4x2-50m": "x2"}
MOUNTS: dict[str, Mount] = {"nuscenes": CONCAT, "base": CONCAT, "x2": TURNED_TOP}
NODES = ("t4base", "t4x2", "t4x2-50m")  # the others are only ever parents, and neither scored nor exported


class Team:
    """A copy of the template that has become a team's own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str) -> str:
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def edit(self, path: str, pattern: str, new: str) -> None:
        text, count = re.subn(pattern, new, (self.root / path).read_text(), flags=re.MULTILINE)
        assert count == 1, (path, pattern)
        (self.root / path).write_text(text)

    def build(self, *stages: str) -> None:
        self.run("dvc", "repro", *stages)
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", f"Train {' '.join(stages)}")
        self.run("dvc", "push")

    def shown(self, version: str) -> Manifest:
        return Manifest.model_validate_json(self.run("t4zoo", "show", version, "--json"))

    def refusals(self, version: str) -> str:
        with pytest.raises(RefusedError) as refused:
            Releasing.here(self.root, version).plan()
        return str(refused.value)


@pytest.fixture
def team(s3: Server, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    """Three products of a few small scenes, and the five models, each trained from the one before."""
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = Team(copy_of_this_repository(tmp_path / "team"))
    commit_all(made.root)
    for remote, folder in (("store", "dvc"), ("zoo", "autoware-ml")):
        made.run("dvc", "remote", "modify", remote, "url", f"s3://{s3.bucket}/{prefix}/{folder}")
    made.edit("conf/algorithm/CenterPoint/tiny.yaml", "^epochs: .*", "epochs: 1")
    for product, mount in MOUNTS.items():
        write_product(made.root, product, mount)
    params = yaml.safe_load((made.root / "params.yaml").read_text())
    params |= {
        "products": {product: {"labels": "t4", "lists": "conf/dataset"} for product in MOUNTS},
        "predictions": {},
        "auto_labels": {},
    }
    params["models"] = {f"CenterPoint-{name}": entry(name, parent) for parent, name in pairs()}
    (made.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return made


def pairs() -> list[tuple[str | None, str]]:
    return list(zip((None, *KINDS), KINDS, strict=False))


def entry(name: str, parent: str | None) -> dict[str, str]:
    start = f"models/CenterPoint/{parent}/train" if parent else "conf/parents/scratch.yaml"
    fields = {"algorithm": "CenterPoint", "network": "tiny", "model": name}
    return {**fields, "kind": KINDS[name], "product": PRODUCT_OF[name], "parent": start}


def write_product(root: Path, product: str, mount: Mount) -> None:
    """A product file like the base one, its dataset list, and two frames of a scene for each split."""
    dataset = f"db_tiny_{product}_v1"
    plans = {split: ScenePlan(dataset, split, 0, 2, mount) for split in ("train", "val", "test")}
    for plan in plans.values():
        write_scene(root / "data/t4dataset" / dataset / plan.key, plan)
    scenes = {split: [plan.key] for split, plan in plans.items()}
    text = yaml.safe_dump({"version": 1, "dataset_version": dataset, **scenes})
    (root / f"conf/dataset/{dataset}.yaml").write_text(f"# {dataset}: a scene a split\n{text}")
    base = (root / "conf/product/base.yaml").read_text()
    text = re.sub(r"^name: .*", f"name: {product}", base, flags=re.MULTILINE)
    (root / f"conf/product/{product}.yaml").write_text(re.sub(r"name: db_\w+", f"name: {dataset}", text))


def version(name: str) -> str:
    return f"CenterPoint/{name}@v1.0.0"


def test_each_model_of_the_chain_is_trained_from_the_one_before_and_released_after_it(team: Team) -> None:
    nodes = [f"{stage}@CenterPoint-{name}" for stage in ("evaluate", "export") for name in NODES]
    team.build(*nodes)
    for parent, child in itertools.pairwise(KINDS):
        assert f"models/CenterPoint/{parent}/train" in team.refusals(version(child))
        release_next(team, parent)
    release_next(team, "t4x2-50m")
    shown = {name: team.shown(version(name)) for name in KINDS}
    for parent, child in itertools.pairwise(KINDS):
        (checkpoint,) = shown[parent].of_role("checkpoint")
        link = shown[child].parent
        assert link is not None and (link.name, link.sha256) == (version(parent), checkpoint.sha256)
        log = team.root / f"models/CenterPoint/{child}/train/train_log.log"
        assert f"started from models/CenterPoint/{parent}/train" in log.read_text()
    assert {name: one.kind for name, one in shown.items()} == KINDS
    assert [name for name, one in shown.items() if one.metrics is not None] == list(NODES)

    # And t4x2 once more with the best of what was learnt, on all its scenes: for the vehicle, and for nothing else.
    team.edit("conf/product/x2.yaml", r"^train_on: \[train\]", "train_on: [train, val, test]")
    team.build("export@CenterPoint-t4x2")
    assert "test scenes were trained on by CenterPoint/t4x2@v1.0.1" in team.refusals("CenterPoint/t4x2@v1.0.1")
    found = json.loads(team.run("t4zoo", "next", "CenterPoint/t4x2", "--release", "--json"))
    assert found["next"] == "CenterPoint/t4x2@v1.0.0-release"
    team.run("t4zoo", "release", found["next"])
    last = team.shown(found["next"])
    assert last.scenes is not None and len(last.scenes.train) == 3 and last.scenes.test == () and last.metrics is None


def release_next(team: Team, name: str) -> None:
    """As proposed."""
    proposal = propose_here(team.root, Wanted(f"CenterPoint/{name}"))
    assert str(proposal.name) == version(name), proposal
    team.run("t4zoo", "release", version(name))
