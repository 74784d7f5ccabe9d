"""What a person let pass of the scenes stands in the manifest of info, and of the model that was trained on it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from t4zoo.zoo.manifest import Manifest, Waiver, schema
from t4zoo.zoo.storage.server import Server
from tests.t4.check.spoilers import scaled
from tests.t4.scenes import ROOT, edit, write_workspace
from tests.zoo.families import release
from tests.zoo.repository import Repository, begin

INFO, MODEL = "info@v0.1.0", "CenterPoint/t4pretrain@v1.0.0"
REASON = "a box on the [bold]horizon[/bold], which the tests put there"
STAGES = """\
stages:
  create_info:
    cmd: >-
      PYTHON -m stages.create_info product=base labels=t4 data_root=$PWD/data dataset_lists=$PWD/lists
      out=$PWD/info/base cache='' waivers=$PWD/params.yaml workers=1
    params: [waivers]
    outs: [info/base/info_train.pkl, info/base/info_val.pkl, info/base/info_test.pkl, info/base/pieces.json,
      info/base/scenes.csv, info/base/objects.csv]
    metrics: [info/base/statistics.json]
  train:
    cmd: >-
      PYTHON -m stages.train product=base model=t4pretrain algorithm.epochs=1 info=$PWD/info/base/info_train.pkl
      data_root=$PWD/data out=$PWD/models/CenterPoint/t4pretrain/train
    deps: [info/base/info_train.pkl]
    outs: [models/CenterPoint/t4pretrain/train]
""".replace("PYTHON", f"PYTHONPATH={ROOT} {sys.executable}")


def params(repository: Repository, *waivers: dict[str, Any]) -> None:
    repository.params(t4pretrain={})
    told = json.loads((repository.root / "params.yaml").read_text())
    repository.write("params.yaml", json.dumps(told | {"waivers": list(waivers)}))
    repository.write("dvc.yaml", STAGES)


@pytest.fixture
def spoilt(s3: Server, tmp_path: Path, prefix: str) -> tuple[Repository, str]:
    """The small sample sets with a box far off in a scene to train on; and that scene."""
    repository = begin(tmp_path / "repository", f"s3://{s3.bucket}/{prefix}")
    write_workspace(repository.root)
    lists = yaml.safe_load((repository.root / "lists/db_sample_v1.yaml").read_text())
    scene: str = lists["train"][0]
    folder = repository.root / "data/db_sample_v1" / scene
    edit(folder, "sample_annotation", lambda rows: scaled("translation", 1000.0)(rows[0]))
    repository.write(".gitignore", "/info/\n/models/\n/data/\n__pycache__/\n")
    return repository, scene


def shown(repository: Repository, name: str) -> Manifest:
    said = json.loads(repository.t4zoo("show", name, "--json").out)
    jsonschema.validate(said, schema())
    return Manifest.model_validate(said)


def test_a_waiver_of_create_info_is_in_the_manifests_of_info_and_model(
    spoilt: tuple[Repository, str],
) -> None:
    repository, scene = spoilt
    params(repository)
    assert "GEO007" in repository.dvc("repro", "create_info", check=False).err
    params(repository, {"scene": scene, "rules": ["GEO007", "GEO012"], "reason": REASON})
    repository.build()
    release(repository, INFO, MODEL)
    (products, trained) = shown(repository, INFO).products, shown(repository, MODEL).scenes
    assert products is not None and trained is not None and scene in trained.train
    told = products["base"].waivers
    assert told == trained.waivers
    assert Waiver(scene=scene, rule="GEO007", times=1, reason=REASON) in told
    for name, head in ((INFO, "waived in base"), (MODEL, "waived")):
        said = repository.t4zoo("show", name).out
        assert f"{head} " in said and f"GEO007 of {scene}, 1 times: {REASON}" in said
    compared = repository.t4zoo("compare", INFO, MODEL).out
    assert f"base {scene} GEO007: 1 times, {REASON} -> nothing" in compared.partition("what was waived")[2]
    assert json.loads(repository.t4zoo("compare", INFO, MODEL, "--json").out)["waivers"]
