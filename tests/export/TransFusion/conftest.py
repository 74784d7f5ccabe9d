"""The fixtures of the folder above, for TransFusion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from t4zoo.export import bundle
from t4zoo.export.bundle_config import bundle_config
from t4zoo.models.TransFusion.network import TransFusion
from tests.export.samples import compose_export, make_cloud, make_model, proof_of, write_workspace, writing_of


@pytest.fixture(scope="session")
def cfg() -> DictConfig:
    return compose_export(algorithm="TransFusion")


@pytest.fixture(scope="session")
def autoware(cfg):
    return bundle_config(OmegaConf.to_container(cfg.autoware, resolve=True))


@pytest.fixture(scope="session")
def clouds() -> list[np.ndarray]:
    return [make_cloud(seed, columns=5) for seed in range(3)]


@pytest.fixture(scope="session")
def model(cfg, clouds) -> TransFusion:
    return make_model(OmegaConf.to_container(cfg.algorithm.network, resolve=True), clouds, TransFusion)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory, model, cfg, clouds) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    write_workspace(root, cfg, model, clouds)
    return root


@pytest.fixture(scope="session")
def weights(workspace) -> Path:
    return workspace / "models/TransFusion/t4base/train/epoch_3.pth"


@pytest.fixture(scope="session")
def proof(workspace, cfg) -> bundle.Proof:
    return proof_of(workspace, cfg)


@pytest.fixture(scope="session")
def writing(cfg) -> bundle.Writing:
    return writing_of(cfg)


@pytest.fixture(scope="session")
def made(tmp_path_factory, weights, autoware, writing, proof) -> Path:
    out = tmp_path_factory.mktemp("made") / "export"
    bundle.export(weights, out, autoware, writing, proof)
    return out
