"""A healthy zoo, made once a test process, and copies of it to be made ill."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from t4zoo.zoo.storage.server import Server
from tests.zoo.conftest import settings
from tests.zoo.keeping.ward import Ward, ward
from tests.zoo.repository import Repository


@pytest.fixture(scope="session")
def healthy_once(published_once: Repository, server: Server, quiet_home: Path, client: Any) -> Ward:
    """A released repository with an index, which nobody changes."""
    with settings(server, quiet_home):
        healthy = ward(published_once, quiet_home / "healthy", f"s3://{server.bucket}/w-{uuid.uuid4().hex[:8]}", client)
        healthy.fix()
        return healthy


@pytest.fixture
def ill(healthy_once: Ward, s3: Server, tmp_path: Path, prefix: str, client: Any) -> Ward:
    """A healthy zoo that this test may make ill."""
    return ward(healthy_once, tmp_path / "ill", f"s3://{s3.bucket}/{prefix}", client)
