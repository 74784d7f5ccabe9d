"""The bytes of info files, however and wherever they are made."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.pipeline import ROOT
from tests.t4.scenes import write_workspace


def checkout(place: Path) -> Path:
    """The code, its configuration and some scenes, as a clone has them."""
    for name in ("t4zoo", "stages", "conf"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", place)
    write_workspace(place)
    return place


def digests(place: Path, seed: int, workers: int) -> dict[str, str]:
    """File -> SHA-256 of what a run in this checkout makes of its scenes, without a cache."""
    wanted = [f"out=info/{seed}", "data_root=data", "dataset_lists=lists", "cache=''", f"workers={workers}"]
    variables = {**os.environ, "PYTHONPATH": "", "PYTHONHASHSEED": f"{seed}"}
    command = [sys.executable, "-m", "stages.create_info", "product=x2", *wanted]
    done = subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = (place / "info" / f"{seed}").iterdir()
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made}


def test_the_bytes_are_the_same_under_eight_hash_seeds_on_one_and_sixteen_workers_in_two_checkouts(tmp_path: Path):
    places = [checkout(tmp_path / name) for name in ("clone", "another, below a longer path/clone")]
    made = [digests(places[seed // 2 % 2], seed, (1, 16)[seed % 2]) for seed in range(8)]
    assert "info_train.pkl" in made[0]
    assert made == [made[0]] * 8
