"""A store and a zoo of their own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from t4zoo.zoo.storage.server import Server
from tests.zoo.faults.tiny import Place


@pytest.fixture
def place(server: Server, alone: Path, tmp_path: Path, prefix: str) -> Place:
    return Place.on(server, prefix, tmp_path / "dvc-cache")
