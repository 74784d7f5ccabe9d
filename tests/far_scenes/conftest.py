import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from t4zoo.scene_files import forget_sources
from t4zoo.t4.synth_scene import CONCAT, ScenePlan, write_scene
from t4zoo.zoo.storage.server import Server
from tests.far_scenes.bucket import Bucket
from tests.t4.scenes import write_workspace
from tests.zoo.proxy import Proxy

NAME = "db_far_v1"
FRAMES = 3


@pytest.fixture
def bucket(s3: Server, client: Any, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    forget_sources()
    with Proxy(s3.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield Bucket(client, s3.bucket, prefix, proxy)
    forget_sources()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with one dataset of two scenes; never to be changed."""
    root = tmp_path_factory.mktemp("made")
    for number in range(2):
        plan = ScenePlan(NAME, "train", number, FRAMES, CONCAT)
        write_scene(root / NAME / plan.key, plan)
    return root


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample sets and their lists; never to be changed."""
    root = tmp_path_factory.mktemp("samples")
    write_workspace(root)
    return root


@pytest.fixture
def near(made: Path) -> Path:
    """The dataset's folder with its scenes in it."""
    return made / NAME


@pytest.fixture
def far(bucket: Bucket, made: Path, tmp_path: Path) -> Path:
    """The folder of a dataset whose scenes are in the bucket; nothing has been read yet."""
    folder = Path(shutil.copytree(made / NAME, tmp_path / "root" / NAME))
    bucket.take_in(folder)
    bucket.proxy.let_pass()
    return folder
