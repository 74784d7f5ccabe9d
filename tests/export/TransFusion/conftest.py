"""The fixtures of the folder above, for TransFusion."""

from __future__ import annotations

from t4zoo.models.TransFusion.network import TransFusion
from tests.export.fixtures import fixtures_of

cfg, autoware, clouds, model, workspace, weights, proof, writing, made = fixtures_of(
    "TransFusion", TransFusion, columns=5
)
