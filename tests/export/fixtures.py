"""One model, one workspace and one bundle of an algorithm, as fixtures that are made once a session.

A fixture of the folder above that asked for another algorithm would be the one that was made there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf
from torch import nn

from t4zoo.export import bundle
from t4zoo.export.bundle_config import bundle_config
from tests.export.samples import compose_export, make_cloud, make_model, proof_of, write_workspace, writing_of


def fixtures_of(algorithm: str, network: type[nn.Module], columns: int) -> tuple[Callable[..., Any], ...]:
    """cfg, autoware, clouds, model, workspace, weights, proof, writing and made; columns: of the clouds."""

    @pytest.fixture(scope="session")
    def cfg() -> DictConfig:
        return compose_export(algorithm=algorithm)

    @pytest.fixture(scope="session")
    def autoware(cfg):
        return bundle_config(OmegaConf.to_container(cfg.autoware, resolve=True))

    @pytest.fixture(scope="session")
    def clouds() -> list[np.ndarray]:
        return [make_cloud(seed, columns) for seed in range(3)]

    @pytest.fixture(scope="session")
    def model(cfg, clouds) -> nn.Module:
        return make_model(OmegaConf.to_container(cfg.algorithm.network, resolve=True), clouds, network)

    @pytest.fixture(scope="session")
    def workspace(tmp_path_factory, model, cfg, clouds) -> Path:
        root = tmp_path_factory.mktemp("workspace")
        write_workspace(root, cfg, model, clouds)
        return root

    @pytest.fixture(scope="session")
    def weights(workspace) -> Path:
        return workspace / f"models/{algorithm}/t4base/train/epoch_3.pth"

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

    return cfg, autoware, clouds, model, workspace, weights, proof, writing, made
