"""Small scenes to read and to spoil, and nuscenes-devkit's opinion of a scene."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from t4zoo.t4.dataset_list import SPLITS
from t4zoo.t4.synth import plans, write_samples

ROOT = Path(__file__).resolve().parents[2]
GIVEN = ROOT / "tests" / "data" / "t4"  # scenes that another writer made


def write_workspace(root: Path) -> None:
    """The small sample sets in `root/data`, and the lists that name them in `root/lists`."""
    write_samples(root / "data", small=True)
    (root / "lists").mkdir()
    for plan in plans(small=True):
        content = {split: list(plan.split(split)) for split in SPLITS}
        write_list(root / "lists", plan.name, **content)


def write_list(folder: Path, name: str, **splits: list[str]) -> None:
    content = {"version": 1, "dataset_version": f"{name}.0", **splits}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))


def edit(scene: Path, table: str, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Spoil one table of a scene."""
    path = scene / "annotation" / f"{table}.json"
    rows = json.loads(path.read_text())
    change(rows)
    path.write_text(json.dumps(rows))


def table(scene: Path, name: str) -> list[dict[str, Any]]:
    return json.loads((scene / "annotation" / f"{name}.json").read_text())


def ask_nuscenes(*scenes: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    return _ask(*scenes)["boxes"]


def ask_nuscenes_for_poses(*scenes: Path) -> dict[str, dict[str, dict[str, Any]]]:
    return _ask(*scenes)["poses"]


def _ask(*scenes: Path) -> dict[str, Any]:
    oracle = ROOT / ".oracle"
    if not (oracle / "nuscenes").is_dir():
        pytest.fail("nuscenes-devkit, which this test compares with, is not there: run `make oracle`")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("nuscenes_oracle.py")), *map(str, scenes)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(oracle), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
