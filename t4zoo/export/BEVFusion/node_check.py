"""The bundle run as Autoware's BEVFusion node would run it, on a real cloud, and held against its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from t4zoo.export.agreement import CloudReport
from t4zoo.export.BEVFusion import node_decode, node_features
from t4zoo.export.BEVFusion.parameters import ONNX_FILES, PARAMETER_FILE, NodeSettings
from t4zoo.export.node_grid import Voxels
from t4zoo.export.voxel_bundle import VoxelBundle
from t4zoo.models.common.boxes import Boxes
from t4zoo.models.common.part import Part


class Bundle(VoxelBundle):
    """The network and parameters of a bundle on disk, run with the node's own formulas."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "BEVFusion", PARAMETER_FILE, ONNX_FILES["network"])

    def voxels(self, cloud: NDArray[np.float32]) -> Voxels:
        """The voxels of a (N, F) cloud. Raises ExportError, see `fitting`."""
        return self.fitting(node_features.voxels(cloud, self.parameters))


def check_cloud(bundle: Bundle, parts: Sequence[Part], found: Boxes, cloud: Tensor, node: NodeSettings) -> CloudReport:
    """Run one (N, F) cloud of the model's point features through the bundle, and compare with what the model `found`.

    Raises ExportError, see `Bundle.voxels`.
    """
    return bundle.report(bundle.voxels(cloud.numpy()), parts[0], found, node_decode, node)
