"""A trained and pushed repository for each test: made once a test process, copied for each test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from t4zoo.zoo.server import REGION, Server
from tests.zoo.repository import Repository, copy, make


@pytest.fixture(scope="session")
def client(server: Server) -> Any:
    """The test's own hand in S3, to look and to spoil."""
    options = server.environment
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id=options["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=options["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(scope="session")
def original(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """Never released from and never changed: tests take copies."""
    home = tmp_path_factory.mktemp("original")
    names = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _ADA.items()}
    settings = {**server.environment, **names, "DVC_SITE_CACHE_DIR": str(home / "site"), "GIT_CONFIG_NOSYSTEM": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(home))
        repository = make(home / "repository", f"s3://{server.bucket}/original-{uuid.uuid4().hex[:8]}")
    yield repository


_ADA = {"NAME": "Ada Tester", "EMAIL": "ada@example.invalid"}


@pytest.fixture
def repository(original: Repository, s3: Server, tmp_path: Path, prefix: str, client: Any) -> Repository:
    """A repository whose model is trained, committed and pushed, ready to be released."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return copy(original, tmp_path / "repository", f"s3://{s3.bucket}/{prefix}", client)


@pytest.fixture
def released(repository: Repository) -> Repository:
    """A repository with `CenterPoint/t4base@v1.0.0` in the zoo."""
    repository.t4zoo("release", "CenterPoint/t4base@v1.0.0")
    return repository
