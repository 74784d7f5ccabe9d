"""The demo, made once for all the tests of this folder: they look at what it left, or go on from a copy of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from t4zoo.zoo.storage.server import Server
from tests.copies import commit_all, copy_of_this_repository, environment_at


@dataclass(frozen=True)
class Made:
    """template: the copy of this repository that stands for a user's. home: its `.demo`. output: of the first run."""

    template: Path
    home: Path
    output: str
    environment: dict[str, str]

    @property
    def clone(self) -> Path:
        return self.home / "repo"

    @property
    def pulled(self) -> Path:
        return self.home / "pulled"

    def run(self, *command: str, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=cwd or self.clone, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def copy_of_clone(self, target: Path) -> Path:
        """A copy to change; DVC's cache is shared by link, so that it costs nothing."""
        shutil.copytree(self.clone, target, symlinks=True, ignore=shutil.ignore_patterns("cache"))
        self.run("dvc", "cache", "dir", "--local", str(self.clone / ".dvc" / "cache"), cwd=target)
        return target


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    environment = environment_at(tmp_path_factory.mktemp("home"))
    template = copy_of_this_repository(tmp_path_factory.mktemp("template"))
    commit_all(template)
    done = subprocess.run(
        ["t4zoo", "demo"],
        cwd=template,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return Made(template, template / ".demo", done.stdout, environment)


@pytest.fixture(scope="session")
def server(made: Made) -> Iterator[Server]:
    """The demo's own server, up again with what it holds; the clone's .dvc/config.local still points at it."""
    with Server(made.home / "s3") as running:
        made.environment.update(running.environment)
        yield running
