"""The fixtures of the folder above, for BEVFusion."""

from __future__ import annotations

from t4zoo.models.BEVFusion.network import BEVFusion
from tests.export.fixtures import fixtures_of

cfg, autoware, clouds, model, workspace, weights, proof, writing, made = fixtures_of("BEVFusion", BEVFusion, columns=5)
