import shutil
from pathlib import Path

import pytest

from tests.autolabel.workspace import make_workspace, predict_truth


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A workspace with the predictions of one model; tests only read it."""
    root = make_workspace(tmp_path_factory.mktemp("workspace"))
    predict_truth(root, "CenterPoint-t4base", seed=1)
    return root


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to spoil."""
    return Path(shutil.copytree(made, tmp_path / "workspace"))
