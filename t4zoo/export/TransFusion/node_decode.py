"""The network's outputs to boxes as Autoware's TransFusion node does it, in numpy, with no word from the model.

Formulas: postprocess_kernel.cu of autoware_lidar_transfusion (contracts/ORIGIN.md names the commit).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.export.node_boxes import NodeBoxes
from t4zoo.export.node_overlap import suppress
from t4zoo.export.TransFusion.node_constants import CELL
from t4zoo.export.TransFusion.parameters import NodeSettings

Array = NDArray[np.float64]


def every_box(outputs: Mapping[str, NDArray[np.float32]], parameters: dict[str, Any]) -> NodeBoxes:
    """One box a query, in the file's order, each of its best class, before any threshold.

    outputs: name -> (1, rows, P) of the network; the velocities are in it, although the node does not publish them.
    """
    rows, (sine, cosine) = np.asarray(outputs["bbox_pred0"], np.float64)[0], outputs["dir_cls_pred0"][0].astype(float)
    by_class = scores(outputs, parameters)
    voxel, low = parameters["voxel_size"], parameters["point_cloud_range"]
    x, y = rows[0] * CELL * voxel[0] + low[0], rows[1] * CELL * voxel[1] + low[1]
    length, width, height = np.exp(rows[3:6])
    boxes = np.stack([x, y, rows[2], length, width, height, np.arctan2(sine, cosine)], axis=1)
    return NodeBoxes(boxes, rows[6:8].T, by_class.argmax(axis=0), by_class.max(axis=0), np.hypot(sine, cosine))


def scores(outputs: Mapping[str, NDArray[np.float32]], parameters: dict[str, Any]) -> Array:
    """(classes, P) in 0..1, as they come out of the network, whatever the parameters."""
    by_class: Array = np.asarray(outputs["cls_score0"], np.float64)[0]
    return by_class


def published(boxes: NodeBoxes, parameters: dict[str, Any], node: NodeSettings) -> NodeBoxes:
    """What is left of `every_box` after the thresholds, the circle suppression and that by overlap, best first."""
    least = np.asarray(node.yaw_norm_thresholds)[boxes.labels]
    kept = boxes.take((boxes.yaw_norms >= least) & (boxes.scores > node.score_threshold))
    return suppress(kept, parameters["class_names"], node)
