"""Where the demo cannot be made it says so before it makes anything. What it makes is looked at in tests/demo/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def demo(folder: Path) -> str:
    """What it says where it refuses."""
    done = subprocess.run([sys.executable, "-m", "t4zoo", "demo"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def template(alone: Path, tmp_path: Path) -> Path:
    """A repository that looks like a copy of the template from above, with a commit."""
    root = tmp_path / "copy"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text("[core]\n")
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "Start")):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def test_a_folder_that_is_no_copy_of_the_template_stays_as_it_is(alone: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert "no copy of the template" in demo(tmp_path / "elsewhere")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_copy_without_a_commit_is_told_how_to_make_one(alone: Path, tmp_path: Path) -> None:
    (tmp_path / "copy" / ".dvc").mkdir(parents=True)
    (tmp_path / "copy" / ".dvc" / "config").write_text("")
    assert "git init && git add --all && git commit" in demo(tmp_path / "copy")
    assert not (tmp_path / "copy" / ".demo").exists()


def test_a_folder_in_the_place_of_the_clone_is_kept_and_named_from_any_sub_folder(template: Path) -> None:
    (template / ".demo" / "repo").mkdir(parents=True)
    (template / ".demo" / "repo" / "notes.txt").write_text("precious")
    (template / ".demo" / "pulled").mkdir()
    (template / ".demo" / "pulled" / "manifest.json").write_text("{}")
    (template / "conf").mkdir()
    assert "make clean" in demo(template / "conf")
    assert (template / ".demo" / "repo" / "notes.txt").read_text() == "precious"
    assert not (template / "conf" / ".demo").exists()


def test_a_file_in_the_demos_place_is_named(template: Path) -> None:
    (template / ".demo").write_text("precious")
    assert ".demo" in demo(template)
    assert (template / ".demo").read_text() == "precious"
