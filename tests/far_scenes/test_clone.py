"""A fresh clone has where scenes are, by git or by DVC, and reads them; scenes themselves stay out of git."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from t4zoo.far_scenes.looking import look_again, take_over
from t4zoo.scene_files import scenes_in
from t4zoo.t4.reader import find_scene, read_tables
from tests.far_scenes.bucket import Bucket
from tests.far_scenes.conftest import NAME
from tests.forked import command as forked
from tests.pipeline import ROOT
from tests.t4.datasets.repository import PERSON

DATASET = f"data/t4dataset/{NAME}"


def git(root: Path, *arguments: str) -> str:
    environment = os.environ | PERSON
    done = subprocess.run(["git", *arguments], cwd=root, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def dvc(root: Path, *arguments: str) -> None:
    done = forked.run("dvc", *arguments, cwd=root)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def team(far: Path, near: Path, tmp_path: Path) -> Path:
    """A repository with this one's .gitignore; a dataset in a bucket, and another one's scenes on this disk."""
    root = tmp_path / "team"
    root.mkdir()
    shutil.copy(ROOT / ".gitignore", root)
    shutil.copytree(far, root / DATASET)
    shutil.copytree(near, root / "data/t4dataset/db_near_v1")
    git(root, "init", "--quiet")
    return root


def by_git(root: Path) -> None:
    git(root, "add", DATASET)
    git(root, "commit", "--quiet", "--message", "where the scenes are")


def by_dvc(root: Path) -> None:
    if not (root / ".dvc").exists():
        dvc(root, "init", "--quiet")
        dvc(root, "remote", "add", "--default", "kept", str(root.parent / "kept"))
    dvc(root, "add", "--quiet", DATASET)
    dvc(root, "push", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "where the scenes are")


def clone_of(root: Path) -> Path:
    clone = root.parent / "clone"
    git(root, "clone", "--quiet", str(root), str(clone))
    if (clone / ".dvc").exists():
        dvc(clone, "pull", "--quiet", f"{DATASET}.dvc")
    return clone / DATASET


@pytest.mark.parametrize("keep", [by_git, by_dvc])
def test_a_fresh_clone_reads_scenes_from_where_they_are_also_after_a_refresh(
    team: Path, near: Path, bucket: Bucket, keep: Callable[[Path], None]
) -> None:
    keep(team)
    new = "00000000-0000-4000-8000-000000000000/0"
    bucket.put(NAME, f"{new}/annotation/sample.json", b"[]")
    take_over(team / DATASET, look_again(team / DATASET)[0])
    keep(team)
    clone = clone_of(team)
    assert sorted(path.name for path in scenes_in(clone)) == sorted(
        [new[:-2], *(path.name for path in scenes_in(near))]
    )
    for scene in scenes_in(near):
        assert read_tables(find_scene(clone / scene.name)) == read_tables(find_scene(scene))
    assert "db_near_v1" not in git(team, "ls-files", "--cached", "--others", "--exclude-standard")
