"""The bundle run as Autoware's node would run it, on real clouds, and held against the model that it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from t4zoo.export import node_decode, node_features, ros_yaml
from t4zoo.export.autoware import ONNX_FILES, PACKAGE_FILE
from t4zoo.export.onnx_file import ExportError, OnnxFile, Outputs, difference
from t4zoo.models.common.boxes import Boxes
from t4zoo.models.common.part import Part

Array = NDArray[np.float64]


_NEAREST = 64  # boxes that are compared with one of the model's; several cells may give one object the same centre


@dataclass(frozen=True)
class CloudReport:
    """What one cloud showed.

    parity: output name -> greatest difference of onnxruntime and torch. boxes: how many of the model's were compared.
    difference: greatest of `disagreement`. published: how many boxes the node would publish. pillars: how many the
    node filled; crowded: of these, how many had more than 32 points.
    """

    parity: dict[str, float]
    boxes: int
    difference: float
    published: int
    pillars: int
    crowded: int

    def __str__(self) -> str:
        """One line for a log."""
        return (
            f"node_check: onnxruntime and torch differ by {max(self.parity.values()):.1e}; the node's boxes "
            f"and {self.boxes} of the model's by {self.difference:.1e}; the node would publish {self.published}, from "
            f"{self.pillars} pillars, {self.crowded} of them with more than 32 points"
        )


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
                f"raise autoware.max_voxel_size from {limit} in conf/export.yaml"
            )
        return pillars

    def canvas(self, pillars: node_features.Pillars, encoded: Outputs) -> NDArray[np.float32]:
        """(1, 32, y, x): what the encoder made of the pillars, where the node scatters it."""
        return node_features.canvas(next(iter(encoded.values())), pillars.cells, self.model)


def check_cloud(bundle: Bundle, parts: Sequence[Part], found: Boxes, cloud: Tensor, nms_distance: float) -> CloudReport:
    """Run one (N, F) cloud of the model's point features through the bundle, and compare with what the model `found`.

    nms_distance [m]: the node's `circle_nms_dist_threshold`. Raises ExportError, see `Bundle.pillars`.
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
    every = node_decode.every_box(maps, bundle.model)
    return CloudReport(
        parity=parity,
        boxes=len(found.boxes),
        difference=float(disagreement(found, every, maps["heatmap"]).max(initial=0.0)),
        published=len(node_decode.published(every, bundle.model, nms_distance)),
        pillars=len(pillars.cells),
        crowded=pillars.crowded,
    )


def disagreement(found: Boxes, every: node_decode.NodeBoxes, heatmap: NDArray[np.float32]) -> Array:
    """(N,) for each of the model's boxes, how far the node's nearest box is from it in any one number.

    The numbers: x, y, z, length, width, height [m], vx, vy [m/s], the node's score of the box's class in that cell, and
    yaw [rad, the short way round] times the length of the predicted (sin, cos) where that is below 1: without length
    there is no heading. every: as `node_decode.every_box` gives it, so that a row is a cell.
    """
    boxes, velocities = found.boxes.double().cpu().numpy(), found.velocities.double().cpu().numpy()
    labels, scores = found.labels.cpu().numpy(), found.scores.double().cpu().numpy()
    node_scores = node_decode.sigmoid(heatmap[0].reshape(heatmap.shape[1], -1).astype(np.float64))
    worst = np.zeros(len(boxes))
    for i, (box, velocity, label, score) in enumerate(zip(boxes, velocities, labels, scores, strict=True)):
        away = np.square(every.boxes[:, :2] - box[:2]).sum(axis=1)
        near = np.argpartition(away, min(_NEAREST, len(away)) - 1)[:_NEAREST]
        gaps = np.abs(every.boxes[near] - box)
        gaps[:, 6] = np.minimum(gaps[:, 6], 2 * np.pi - gaps[:, 6]) * np.minimum(every.yaw_norms[near], 1.0)
        moves, misses = np.abs(every.velocities[near] - velocity), np.abs(node_scores[label, near] - score)
        worst[i] = np.column_stack([gaps, moves, misses]).max(axis=1).min()
    return worst
