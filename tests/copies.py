"""Copies of this repository for tests that commit, tag and push, and an environment without the user's own settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


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


def environment_at(home: Path) -> dict[str, str]:
    """Nothing of the machine's own: no credentials, no caches, no git settings; the commands of this environment."""
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
