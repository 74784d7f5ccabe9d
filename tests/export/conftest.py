"""One CenterPoint, one workspace and one bundle for the tests of the folder; a test that spoils takes a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from t4zoo.models.CenterPoint.network import CenterPoint
from tests.export.fixtures import fixtures_of

cfg, autoware, clouds, model, workspace, weights, proof, writing, made = fixtures_of(
    "CenterPoint", CenterPoint, columns=4
)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def copied(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "export"))
