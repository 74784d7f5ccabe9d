"""A bundle of one network that takes voxels and gives queries, run as its node of Autoware would run it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from t4zoo.export import ros_yaml
from t4zoo.export.agreement import CloudReport, disagreement
from t4zoo.export.node_boxes import NodeBoxes
from t4zoo.export.node_grid import Voxels
from t4zoo.export.onnx_file import ExportError, OnnxFile, computed
from t4zoo.export.query_parity import parity
from t4zoo.models.common.boxes import Boxes
from t4zoo.models.common.part import Part


class Decode(Protocol):
    """What a node makes of its network's outputs: a module of its folder."""

    def every_box(self, outputs: Mapping[str, NDArray[np.float32]], parameters: dict[str, Any]) -> NodeBoxes:
        """One box a query, in the file's order, before any threshold."""

    def scores(self, outputs: Mapping[str, NDArray[np.float32]], parameters: dict[str, Any]) -> NDArray[np.float64]:
        """(classes, P) in 0..1."""

    def published(self, boxes: NodeBoxes, parameters: dict[str, Any], node: Any) -> NodeBoxes:
        """What is left of `every_box`."""


class VoxelBundle:
    """The network and parameters of a bundle on disk.

    algorithm: whose conf/autoware/{algorithm}.yaml an error names. parameter_file, onnx_file: names in `folder`.
    """

    def __init__(self, folder: Path, algorithm: str, parameter_file: str, onnx_file: str) -> None:
        self.parameters: dict[str, Any] = ros_yaml.load(folder / parameter_file)["/**"]["ros__parameters"]
        self.network = OnnxFile(folder / onnx_file)
        self.where = f"autoware.voxels_num in conf/autoware/{algorithm}.yaml"

    def fitting(self, filled: Voxels) -> Voxels:
        """The same voxels. Raises ExportError when the bundle allows too few, or wants more."""
        fewest, _, most = self.parameters["voxels_num"]
        count = len(filled.voxels)
        if filled.dropped:
            raise ExportError(
                f"a cloud fills {most + filled.dropped} voxels and the node would drop {filled.dropped} of them; "
                f"raise the last of {self.where} from {most}"
            )
        if count < fewest:
            raise ExportError(
                f"a cloud fills {count} voxels, and the node would skip the frame; lower the first of {self.where} "
                f"from {fewest}"
            )
        return filled

    def report(self, filled: Voxels, part: Part, found: Boxes, decode: Decode, node: Any) -> CloudReport:
        """Run the voxels of one cloud, and compare with what the model `found` in it; node: settings of `decode`."""
        outputs = self.network.run(*filled[:3])
        every = decode.every_box(outputs, self.parameters)
        scores = decode.scores(outputs, self.parameters)
        return CloudReport(
            parity=parity(outputs, computed(part, *filled[:3])),
            boxes=len(found.boxes),
            difference=float(disagreement(found, every, scores).max(initial=0.0)),
            published=len(decode.published(every, self.parameters, node)),
            voxels=len(filled.voxels),
            crowded=filled.crowded,
            points=filled.voxels.shape[1],
        )
