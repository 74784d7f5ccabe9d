"""`dvc artifacts get` brings a released model from the repository's URL alone: the tag is DVC's own spelling of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo.repository import DVC, NAME, Repository

ARTIFACTS = """
artifacts:
  CenterPoint/t4base:
    path: models/CenterPoint/t4base/train
    type: model
"""
MODEL, CHECKPOINT = "CenterPoint/t4base", "models/CenterPoint/t4base/train/epoch_3.pth"
SPELLINGS = ("v1.1.0-shiojiri.1", "v1.1.0-release")


@pytest.fixture
def twice(repository: Repository) -> tuple[Repository, dict[str, bytes]]:
    """A repository with releases of two trainings, and the checkpoint of each by its version."""
    repository.write("dvc.yaml", DVC + ARTIFACTS)
    repository.git("commit", "--quiet", "--all", "-m", "Name the model")
    repository.t4zoo("release", NAME)
    checkpoints = {"v1.0.0": (repository.root / CHECKPOINT).read_bytes()}
    repository.params(seed=2)
    repository.write("dvc.yaml", DVC + ARTIFACTS)
    repository.build("Train again")
    repository.t4zoo("release", f"{MODEL}@v1.1.0")
    checkpoints["v1.1.0"] = (repository.root / CHECKPOINT).read_bytes()
    assert len(set(checkpoints.values())) == 2
    return repository, checkpoints


def test_each_release_is_got_by_name_and_version_and_the_newest_without(
    twice: tuple[Repository, dict[str, bytes]], tmp_path: Path
) -> None:
    repository, checkpoints = twice
    elsewhere = Repository(tmp_path, "")
    for version, content in checkpoints.items():
        elsewhere.dvc("artifacts", "get", str(repository.root), MODEL, "--rev", version, "--out", version)
        assert (tmp_path / version / "epoch_3.pth").read_bytes() == content
        assert {path.name for path in (tmp_path / version).iterdir()} >= {"config.py", "train_log.log"}
    elsewhere.dvc("artifacts", "get", str(repository.root), MODEL, "--out", "newest")
    assert (tmp_path / "newest/epoch_3.pth").read_bytes() == checkpoints["v1.1.0"]
    absent = elsewhere.dvc("artifacts", "get", str(repository.root), MODEL, "--rev", "v9.9.9", check=False)
    assert absent.code != 0 and "v9.9.9" in absent.err


def test_every_spelling_of_a_version_is_one_that_dvc_finds(repository: Repository, tmp_path: Path) -> None:
    repository.write("dvc.yaml", DVC + ARTIFACTS)
    repository.git("commit", "--quiet", "--all", "-m", "Name the model")
    for version in SPELLINGS:
        repository.git("tag", "--annotate", f"{MODEL}@{version}", "-m", "as a release tags it")
        out = str(tmp_path / version)
        repository.dvc("artifacts", "get", ".", MODEL, "--rev", version, "--out", out)
        assert (tmp_path / version / "epoch_3.pth").read_bytes() == (repository.root / CHECKPOINT).read_bytes()
