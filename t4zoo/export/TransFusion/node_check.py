"""The bundle run as Autoware's TransFusion node would run it, on a real cloud, and held against its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from t4zoo.export import ros_yaml
from t4zoo.export.agreement import CloudReport, disagreement
from t4zoo.export.onnx_file import ExportError, OnnxFile, Outputs, computed
from t4zoo.export.TransFusion import node_decode, node_features
from t4zoo.export.TransFusion.node_constants import POINTS_PER_PILLAR
from t4zoo.export.TransFusion.parameters import ONNX_FILES, PARAMETER_FILE, NodeSettings
from t4zoo.models.common.boxes import Boxes
from t4zoo.models.common.part import Part


class Bundle:
    """The network and parameters of a bundle on disk, run with the node's own formulas."""

    def __init__(self, folder: Path) -> None:
        self.parameters: dict[str, Any] = ros_yaml.load(folder / PARAMETER_FILE)["/**"]["ros__parameters"]
        self.network = OnnxFile(folder / ONNX_FILES["network"])

    def voxels(self, cloud: NDArray[np.float32]) -> node_features.Voxels:
        """The pillars of a (N, 5) cloud. Raises ExportError when the bundle allows too few, or wants more."""
        filled = node_features.voxels(cloud, self.parameters)
        fewest, _, most = self.parameters["voxels_num"]
        count, where = len(filled.voxels), "autoware.voxels_num in conf/autoware/TransFusion.yaml"
        if filled.dropped:
            raise ExportError(
                f"a cloud fills {most + filled.dropped} pillars and the node would drop {filled.dropped} of them; "
                f"raise the last of {where} from {most}"
            )
        if count < fewest:
            raise ExportError(
                f"a cloud fills {count} pillars, and the node would skip the frame; lower the first of {where} "
                f"from {fewest}"
            )
        return filled


def check_cloud(bundle: Bundle, parts: Sequence[Part], found: Boxes, cloud: Tensor, node: NodeSettings) -> CloudReport:
    """Run one (N, 5) cloud through the bundle, and compare with what the model `found`.

    Raises ExportError, see `Bundle.voxels`.
    """
    filled = bundle.voxels(cloud.numpy())
    outputs = bundle.network.run(*filled[:3])
    every = node_decode.every_box(outputs, bundle.parameters)
    return CloudReport(
        parity=parity(outputs, computed(parts[0], *filled[:3])),
        boxes=len(found.boxes),
        difference=float(disagreement(found, every, node_decode.scores(outputs)).max(initial=0.0)),
        published=len(node_decode.published(every, bundle.parameters, node)),
        pillars=len(filled.voxels),
        crowded=filled.crowded,
        points=POINTS_PER_PILLAR,
    )


def parity(given: Outputs, wanted: Outputs) -> dict[str, float]:
    """Output name -> greatest difference of two (1, rows, P) arrays, whatever the order of their queries.

    Each query is compared with its nearest in the other set, and the other way round: two that are equally hot up to
    the last bit may stand in either order, and nothing that the node does depends on it.
    """
    mine, theirs = (np.concatenate([one[name][0] for name in wanted], dtype=np.float64) for one in (given, wanted))
    gaps = np.abs(mine[:, :, None] - theirs[:, None, :]).max(axis=0)
    nearest, back = gaps.argmin(axis=1), gaps.argmin(axis=0)
    return {
        name: float(
            max(
                np.abs(given[name][0] - wanted[name][0][:, nearest]).max(),
                np.abs(wanted[name][0] - given[name][0][:, back]).max(),
            )
        )
        for name in wanted
    }
