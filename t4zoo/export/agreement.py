"""How far the boxes that the node makes of a bundle are from those of the model that it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.export.node_boxes import NodeBoxes
from t4zoo.models.common.boxes import Boxes

Array = NDArray[np.float64]

_NEAREST = 64  # boxes that are compared with one of the model's; several may have the same centre


@dataclass(frozen=True)
class CloudReport:
    """What one cloud showed.

    parity: output name -> greatest difference of onnxruntime and torch. boxes: how many of the model's were compared.
    difference: greatest of `disagreement`. published: how many boxes the node would publish. voxels: how many the
    node filled; crowded: of these, how many had more than the `points` that one holds.
    """

    parity: dict[str, float]
    boxes: int
    difference: float
    published: int
    voxels: int
    crowded: int
    points: int

    def __str__(self) -> str:
        """One line for a log."""
        return (
            f"node_check: onnxruntime and torch differ by {max(self.parity.values()):.1e}; the node's boxes "
            f"and {self.boxes} of the model's by {self.difference:.1e}; the node would publish {self.published}, from "
            f"{self.voxels} voxels, {self.crowded} of them with more than {self.points} points"
        )


def disagreement(found: Boxes, every: NodeBoxes, scores: Array) -> Array:
    """(N,) for each of the model's boxes, how far the node's nearest box is from it in any one number.

    every: all M that the node makes, before any threshold; scores: (classes, M) their scores of every class.
    The numbers: x, y, z, length, width, height [m], vx, vy [m/s], the node's score of the box's class, and yaw [rad,
    the short way round] times the length of the predicted (sin, cos) where that is below 1: without length there is
    no heading.
    """
    boxes, velocities = found.boxes.double().cpu().numpy(), found.velocities.double().cpu().numpy()
    labels, sure = found.labels.cpu().numpy(), found.scores.double().cpu().numpy()
    worst = np.zeros(len(boxes))
    for i, (box, velocity, label, score) in enumerate(zip(boxes, velocities, labels, sure, strict=True)):
        away = np.square(every.boxes[:, :2] - box[:2]).sum(axis=1)
        near = np.argpartition(away, min(_NEAREST, len(away)) - 1)[:_NEAREST]
        gaps = np.abs(every.boxes[near] - box)
        gaps[:, 6] = np.minimum(gaps[:, 6], 2 * np.pi - gaps[:, 6]) * np.minimum(every.yaw_norms[near], 1.0)
        moves, misses = np.abs(every.velocities[near] - velocity), np.abs(scores[label, near] - score)
        worst[i] = np.column_stack([gaps, moves, misses]).max(axis=1).min()
    return worst
