"""Clocks that are wrong or jump: told where a signature needs the right time, and without effect everywhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.reading.catalogue import names
from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.folder import open_folder
from t4zoo.zoo.storage.server import Server
from tests.zoo.faults.look import wrong_in_zoo
from tests.zoo.faults.tiny import Place, plan
from tests.zoo.repository import Repository

TOP = Path(__file__).parents[3]
YEAR = 24 * 365  # hours
SKEWS = {YEAR: "ahead of", -3: "behind"}  # hours


def at(hours: float, *command: str, place: Place | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a process whose clock is so many hours ahead."""
    order = json.dumps({**asdict(place), "cache": str(place.cache)}) if place else ""
    words = [sys.executable, "-m", "tests.zoo.faults.clock", str(hours), *command]
    return subprocess.run(words, cwd=TOP, input=order, capture_output=True, text=True)


@pytest.mark.parametrize("hours", SKEWS)
def test_a_publisher_with_a_wrong_clock_is_told_of_it_and_nothing_is_visible(place: Place, hours: int) -> None:
    new = plan()
    done = at(hours, "release", str(new.name), place=place)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "this machine's clock is" in done.stderr and SKEWS[hours] in done.stderr, done.stderr
    assert wrong_in_zoo(new, place.reader(), finished=False) == ""
    again = at(0.1, "release", str(new.name), place=place)  # six minutes are no matter
    assert again.returncode == 0, again.stderr
    assert wrong_in_zoo(new, place.reader(), finished=True) == ""


@pytest.mark.parametrize("hours", SKEWS)
def test_a_reader_with_a_wrong_clock_is_told_of_it(place: Place, s3: Server, hours: int) -> None:
    done = at(hours, "t4zoo", "list", "--zoo", place.reader().address.url)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "clock" in done.stderr, done.stderr


def test_commits_whose_times_jump_are_released_and_listed_by_version(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patch, year in (("v1.0.2", "2099"), ("v1.0.9", "2031"), ("v1.0.10", "1980")):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{year}-06-01T12:00:00Z")
        repository.git("commit", "--quiet", "--allow-empty", "-m", f"In {year}")
        releasing = Releasing.here(repository.root, f"CenterPoint/t4base@{patch}")
        made = releasing.plan()
        releasing.publish(made)
        assert made.manifest.source and made.manifest.source.time.startswith(year)
    zoo = open_folder(releasing.zoo.address)
    listed = [str(name).partition("@")[2] for name in names(zoo, load_layout(None))]
    assert listed == ["v1.0.2", "v1.0.9", "v1.0.10"]
    shown = json.loads(repository.t4zoo("list", "--json").out)
    assert [row["name"].partition("@")[2] for row in shown] == listed
