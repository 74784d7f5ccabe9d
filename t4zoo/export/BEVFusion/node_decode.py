"""The network's outputs to boxes as Autoware's BEVFusion node does it, in numpy, with no word from the model.

Formulas: postprocess_kernel.cu of autoware_bevfusion (contracts/ORIGIN.md names the commit).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.export.BEVFusion.parameters import NodeSettings
from t4zoo.export.node_boxes import NodeBoxes, passes
from t4zoo.export.node_overlap import suppress

Array = NDArray[np.float64]


def every_box(outputs: Mapping[str, NDArray[Any]], parameters: dict[str, Any]) -> NodeBoxes:
    """One box a query, in the file's order, before any threshold.

    outputs: name -> (10, P), (P,) and (P,) of the network; the velocities are in it, although the node does not
    publish them.
    """
    rows = np.asarray(outputs["bbox_pred"], np.float64)
    voxel, low, factor = parameters["voxel_size"], parameters["point_cloud_range"], parameters["out_size_factor"]
    x, y = rows[0] * factor * voxel[0] + low[0], rows[1] * factor * voxel[1] + low[1]
    length, width, height = np.exp(rows[3:6])
    sine, cosine = rows[6:8]
    boxes = np.stack([x, y, rows[2], length, width, height, np.arctan2(sine, cosine)], axis=1)
    labels, sure = np.asarray(outputs["label_pred"], np.int64), np.asarray(outputs["score"], np.float64)
    return NodeBoxes(boxes, rows[8:10].T, labels, sure, np.hypot(sine, cosine))


def scores(outputs: Mapping[str, NDArray[Any]], parameters: dict[str, Any]) -> Array:
    """(classes, P) in 0..1: a query has one class, and 0 for every other."""
    labels = np.asarray(outputs["label_pred"], np.int64)
    classes = np.arange(len(parameters["class_names"]))
    return np.where(labels == classes[:, None], np.asarray(outputs["score"], np.float64), 0.0)


def published(boxes: NodeBoxes, parameters: dict[str, Any], node: NodeSettings) -> NodeBoxes:
    """What is left of `every_box` after the thresholds, the circle suppression and that by overlap, best first."""
    names = parameters["class_names"]
    least = np.array([node.min_confidence_scores[name] for name in names])
    kept = boxes.take(passes(boxes, node.distance_bin_upper_limits, least, node.yaw_norm_thresholds))
    return suppress(kept, names, node)
