"""The fixtures of the folder above, for TransFusion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from t4zoo.models.TransFusion.network import TransFusion
from tests.export.samples import compose_export, make_cloud, make_model


@pytest.fixture(scope="session")
def cfg() -> DictConfig:
    return compose_export(algorithm="TransFusion")


@pytest.fixture(scope="session")
def clouds() -> list[np.ndarray]:
    return [make_cloud(seed, columns=5) for seed in range(3)]


@pytest.fixture(scope="session")
def model(cfg, clouds) -> TransFusion:
    return make_model(OmegaConf.to_container(cfg.algorithm.network, resolve=True), clouds, TransFusion)


@pytest.fixture(scope="session")
def weights(workspace) -> Path:
    return workspace / "models/TransFusion/t4base/train/epoch_3.pth"
