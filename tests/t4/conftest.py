from pathlib import Path

import pytest

from tests.t4.scenes import write_workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory) -> Path:
    """`data/` with the small sample sets and `lists/` that name them; never to be changed."""
    root = tmp_path_factory.mktemp("workspace")
    write_workspace(root)
    return root
