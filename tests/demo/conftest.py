"""The demo, made once for all the tests of this folder: they look at what it left, or go on from a copy of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from t4zoo.zoo.server import Server

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


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


def copy_of_this_repository(target: Path) -> Path:
    """The files that git knows or would add, committed in a repository of their own."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def commit_all(repository: Path) -> None:
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@t4zoo.invalid"]
    for command in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message", "mine"]):
        subprocess.run(["git", *command], cwd=repository, check=True)


@pytest.fixture(scope="session")
def demo_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Nothing of the machine's own: no credentials, no caches, no git settings."""
    home = tmp_path_factory.mktemp("home")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "T4ZOO_", "DVC_", "GIT_"))}
    return {
        **kept,
        "HOME": str(home),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
        "DVC_NO_ANALYTICS": "1",
        "T4ZOO_CACHE": str(home / "t4zoo"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "160",
    }


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, demo_environment: dict[str, str]) -> Made:
    template = copy_of_this_repository(tmp_path_factory.mktemp("template"))
    commit_all(template)
    done = subprocess.run(
        ["t4zoo", "demo"],
        cwd=template,
        env=demo_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return Made(template, template / ".demo", done.stdout, demo_environment)


@pytest.fixture(scope="session")
def server(made: Made) -> Iterator[Server]:
    """The demo's own server, up again with what it holds; the clone's .dvc/config.local still points at it."""
    with Server(made.home / "s3") as running:
        made.environment.update(running.environment)
        yield running
