"""Machines of a Ray cluster read scenes in a bucket by the same small files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.far_scenes.bucket import Bucket
from tests.pipeline import ROOT
from tests.ray_machines import Machines

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="machines are addresses of loopback")


def create_info(root: Path, out: str, variables: dict[str, str], *overrides: str) -> dict[str, bytes]:
    paths = [f"data_root={root / 'data'}", f"dataset_lists={root / 'lists'}", f"out={root / out}", "cache=''"]
    done = subprocess.run(
        [sys.executable, "-m", "stages.create_info", *paths, "product=base", *overrides],
        cwd=ROOT,
        env={**variables, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in sorted((root / out).iterdir())}


def test_info_files_that_a_cluster_makes_of_far_scenes_are_those_of_near_ones(
    samples: Path, tmp_path: Path, bucket: Bucket
) -> None:
    root = Path(shutil.copytree(samples, tmp_path / "workspace"))
    near = create_info(root, "near/base", dict(os.environ), "workers=1")
    bucket.take_in(root / "data" / "db_sample_v1")
    bucket.proxy.let_pass()
    machines = Machines(1, 1)
    try:
        assert create_info(root, "far/base", machines.variables, "launcher=ray", "check=[STR,CLD]") == near
    finally:
        machines.end()
    assert bucket.requests("/annotation/")
    assert bucket.requests("/data/")
