import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.t4.datasets.repository import Repository, make_scenes


@pytest.fixture(scope="session")
def street(tmp_path_factory) -> tuple[Path, dict[str, list[str]]]:
    """A data root with six scenes, never to be changed, and what they are."""
    root = tmp_path_factory.mktemp("street")
    return root, make_scenes(root)


@pytest.fixture
def repository(street: tuple[Path, dict[str, list[str]]], tmp_path: Path) -> Iterator[Repository]:
    root = tmp_path / "team"
    root.mkdir()
    yield Repository(root, street[0], street[1])


@pytest.fixture
def new_id() -> Iterator[str]:
    """An id of no scene."""
    yield from (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
