"""A disk that fills up while a version is pulled: one line, nothing half there, and the next pull goes on."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from t4zoo.zoo.storage.server import Server
from tests.zoo.faults.look import wrong_in_folder
from tests.zoo.faults.tiny import FILES, Place, plan, release

TOP = Path(__file__).parents[3]
NAMESPACE = ("unshare", "--map-root-user", "--mount")


def why_not() -> str:
    """Why no disk of our own can be mounted here; "" where it can."""
    try:
        tried = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True)
    except FileNotFoundError:
        return "there is no unshare here"
    return tried.stderr.strip()


@pytest.mark.skipif(bool(why_not()), reason=f"no disk can be mounted: {why_not()}")
@pytest.mark.parametrize("which", ["target", "cache"])
def test_a_full_disk_is_told_in_a_line_and_the_next_pull_finishes(
    place: Place, s3: Server, tmp_path: Path, which: str
) -> None:
    release(plan("CenterPoint/t4base@v7.0.0"), place.cache, *place.folders())
    command = [*NAMESPACE, sys.executable, "-m", "tests.zoo.faults.disk", which, str(tmp_path)]
    order = json.dumps({**asdict(place), "cache": str(place.cache)})
    done = subprocess.run(command, cwd=TOP, input=order, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("error: ") and "No space left" in done.stdout


def test_a_file_that_the_system_does_not_let_grow_is_told_in_a_line_and_the_next_pull_finishes(
    place: Place, s3: Server, tmp_path: Path
) -> None:
    there, to = plan(), tmp_path / "pulled"
    release(there, place.cache, *place.folders())
    words = [sys.executable, "-m", "t4zoo", "pull", str(there.name), "--zoo", place.reader().address.url, "--to"]
    limit = max(FILES.values()) - 1

    def allow_less() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    told = subprocess.run([*words, str(to)], preexec_fn=allow_less, capture_output=True, text=True)
    assert told.returncode == 1 and told.stderr.count("\n") == 1 and "File too large" in told.stderr, told.stderr
    assert wrong_in_folder(there, to, finished=False) == ""
    assert subprocess.run([*words, str(to)]).returncode == 0
    assert wrong_in_folder(there, to, finished=True) == ""
