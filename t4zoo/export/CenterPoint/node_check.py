"""The bundle run as Autoware's CenterPoint node would run it, on a real cloud, and held against its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from t4zoo.export import ros_yaml
from t4zoo.export.agreement import CloudReport, disagreement
from t4zoo.export.CenterPoint import node_decode, node_features
from t4zoo.export.CenterPoint.node_constants import POINTS_PER_PILLAR
from t4zoo.export.CenterPoint.parameters import ONNX_FILES, PACKAGE_FILE, NodeSettings
from t4zoo.export.onnx_file import ExportError, OnnxFile, Outputs, difference
from t4zoo.models.common.boxes import Boxes
from t4zoo.models.common.part import Part


class Bundle:
    """The networks and parameters of a bundle on disk, run with the node's own formulas."""

    def __init__(self, folder: Path) -> None:
        self.model: dict[str, Any] = ros_yaml.load(folder / PACKAGE_FILE)["/**"]["ros__parameters"]["model_params"]
        self.encoder, self.head = (OnnxFile(folder / ONNX_FILES[role]) for role in ("encoder", "head"))

    def pillars(self, cloud: NDArray[np.float32]) -> node_features.Pillars:
        """The pillars of a (N, point_feature_size) cloud. Raises ExportError when the bundle allows too few."""
        pillars = node_features.pillars(cloud, self.model)
        if pillars.dropped:
            limit = self.model["max_voxel_size"]
            raise ExportError(
                f"a cloud fills {limit + pillars.dropped} pillars and the node would drop {pillars.dropped} of them; "
                f"raise autoware.max_voxel_size from {limit} in conf/autoware/CenterPoint.yaml"
            )
        return pillars

    def canvas(self, pillars: node_features.Pillars, encoded: Outputs) -> NDArray[np.float32]:
        """(1, 32, y, x): what the encoder made of the pillars, where the node scatters it."""
        return node_features.canvas(next(iter(encoded.values())), pillars.cells, self.model)


def check_cloud(bundle: Bundle, parts: Sequence[Part], found: Boxes, cloud: Tensor, node: NodeSettings) -> CloudReport:
    """Run one (N, F) cloud of the model's point features through the bundle, and compare with what the model `found`.

    Raises ExportError, see `Bundle.pillars`.
    """
    by_role: Mapping[str, Part] = {part.role: part for part in parts}
    pillars = bundle.pillars(cloud.numpy())
    encoded = bundle.encoder.run(pillars.features)
    canvas = bundle.canvas(pillars, encoded)
    maps = bundle.head.run(canvas)
    parity = {
        **difference(encoded, by_role["encoder"], pillars.features),
        **difference(maps, by_role["head"], canvas),
    }
    every, scores = node_decode.every_box(maps, bundle.model), node_decode.scores(maps)
    return CloudReport(
        parity=parity,
        boxes=len(found.boxes),
        difference=float(disagreement(found, every, scores).max(initial=0.0)),
        published=len(node_decode.published(every, bundle.model, node.circle_nms_dist_threshold)),
        voxels=len(pillars.cells),
        crowded=pillars.crowded,
        points=POINTS_PER_PILLAR,
    )
