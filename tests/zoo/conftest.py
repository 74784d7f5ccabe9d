"""A trained and pushed repository for each test: made once a test process, copied for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.server import Server
from tests.zoo import families
from tests.zoo.repository import NAME, Repository, copy, copy_objects, make


@pytest.fixture(scope="session")
def quiet_home(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of what is made once for many tests."""
    return tmp_path_factory.mktemp("made-once")


@contextmanager
def settings(server: Server, home: Path) -> Iterator[None]:
    """What the fixture `s3` sets, for fixtures that live longer than a test."""
    names = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _ADA.items()}
    variables = {**server.environment, **names, "DVC_SITE_CACHE_DIR": str(home / "site"), "GIT_CONFIG_NOSYSTEM": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**variables, "HOME": str(home)}.items():
            patch.setenv(name, value)
        yield


_ADA = {"NAME": "Ada Tester", "EMAIL": "ada@example.invalid"}


@pytest.fixture(scope="session")
def original(server: Server, quiet_home: Path) -> Repository:
    """Trained, committed and pushed; never released from and never changed: tests take copies."""
    with settings(server, quiet_home):
        return make(quiet_home / "original", f"s3://{server.bucket}/original-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="session")
def published_once(original: Repository, server: Server, quiet_home: Path, client: Any) -> Repository:
    """A released copy of `original`, which nobody changes either."""
    with settings(server, quiet_home):
        url = f"s3://{server.bucket}/published-{uuid.uuid4().hex[:8]}"
        repository = copy(original, quiet_home / "published", url, client)
        release(repository)
        return repository


@pytest.fixture
def published(published_once: Repository, s3: Server) -> Repository:
    """A repository with a released version, to be read only."""
    return published_once


@pytest.fixture
def spoilable(published: Repository, prefix: str, client: Any) -> Repository:
    """The released version in a zoo that this test may spoil; the working tree is to be read only."""
    own = Repository(published.root, f"s3://{published.bucket}/{prefix}")
    copy_objects(published.zoo, own.zoo, client)
    return own


@pytest.fixture
def repository(original: Repository, s3: Server, tmp_path: Path, prefix: str, client: Any) -> Repository:
    """A repository whose model is trained, committed and pushed, ready to be released or spoilt."""
    return copy(original, tmp_path / "repository", f"s3://{s3.bucket}/{prefix}", client)


@pytest.fixture
def released(repository: Repository) -> Repository:
    """A repository with a released version, to be released from again or spoilt."""
    release(repository)
    return repository


@pytest.fixture(scope="session")
def family_once(original: Repository, server: Server, quiet_home: Path, client: Any) -> Repository:
    """The chain of the storage layout, trained, pushed and released; nobody changes it."""
    with settings(server, quiet_home):
        url = f"s3://{server.bucket}/family-{uuid.uuid4().hex[:8]}"
        repository = copy(original, quiet_home / "family", url, client)
        families.write(repository)
        repository.build("Train the chain")
        families.release(repository, *map(families.name, families.CHAIN))
        return repository


@pytest.fixture
def family(family_once: Repository, s3: Server, tmp_path: Path, prefix: str, client: Any) -> Repository:
    """A released chain, to be released from again or spoilt."""
    return copy(family_once, tmp_path / "family", f"s3://{s3.bucket}/{prefix}", client)


def release(repository: Repository) -> None:
    releasing = Releasing.here(repository.root, NAME)
    releasing.publish(releasing.plan())
