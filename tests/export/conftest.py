"""One CenterPoint, one workspace and one bundle for the tests of the folder; a test that spoils takes a copy.

Fixtures that follow from the algorithm stand again in the folders of the others: a session's fixtures are made once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from t4zoo.export import bundle
from t4zoo.export.bundle_config import bundle_config
from t4zoo.models.CenterPoint.network import CenterPoint
from tests.export.samples import compose_export, make_cloud, make_model, proof_of, write_workspace, writing_of


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def cfg() -> DictConfig:
    return compose_export()


@pytest.fixture(scope="session")
def autoware(cfg):
    return bundle_config(OmegaConf.to_container(cfg.autoware, resolve=True))


@pytest.fixture(scope="session")
def clouds() -> list[np.ndarray]:
    return [make_cloud(seed) for seed in range(3)]


@pytest.fixture(scope="session")
def model(cfg, clouds) -> CenterPoint:
    return make_model(OmegaConf.to_container(cfg.algorithm.network, resolve=True), clouds)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory, model, cfg, clouds) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    write_workspace(root, cfg, model, clouds)
    return root


@pytest.fixture(scope="session")
def weights(workspace) -> Path:
    return workspace / "models/CenterPoint/t4base/train/epoch_3.pth"


@pytest.fixture(scope="session")
def proof(workspace, cfg) -> bundle.Proof:
    return proof_of(workspace, cfg)


@pytest.fixture(scope="session")
def writing(cfg) -> bundle.Writing:
    return writing_of(cfg)


@pytest.fixture(scope="session")
def made(tmp_path_factory, weights, autoware, writing, proof) -> Path:
    """The bundle as `bundle.export` makes it."""
    out = tmp_path_factory.mktemp("made") / "export"
    bundle.export(weights, out, autoware, writing, proof)
    return out


@pytest.fixture
def copied(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "export"))
