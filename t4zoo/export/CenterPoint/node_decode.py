"""Head outputs to boxes as Autoware's CenterPoint node does it, in numpy, with no word from the model.

Formulas: postprocess_kernel.cu, circle_nms_kernel.cu and ros_utils.cpp of autoware_lidar_centerpoint
(contracts/ORIGIN.md names the commits).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.export.node_boxes import NodeBoxes, circle_nms, passes

Array = NDArray[np.float64]


def every_box(outputs: Mapping[str, NDArray[np.float32]], model: dict[str, Any]) -> NodeBoxes:
    """One box for each cell of the head's map, row by row, each of its cell's best class, before any threshold.

    outputs: name -> (1, channels, y, x) of the head. model: the bundle's `model_params`.
    """
    maps = {name: np.asarray(value, dtype=np.float64)[0] for name, value in outputs.items()}
    rows, columns = maps["heatmap"].shape[1:]
    yi, xi = (index.ravel() for index in np.mgrid[:rows, :columns])
    flat = {name: value.reshape(len(value), -1) for name, value in maps.items()}
    by_class = scores(outputs)
    step = np.asarray(model["voxel_size"][:2], dtype=np.float64) * model["downsample_factor"]
    x = step[0] * (xi + flat["reg"][0]) + model["point_cloud_range"][0]
    y = step[1] * (yi + flat["reg"][1]) + model["point_cloud_range"][1]
    width, length, height = np.exp(flat["dim"][:3])
    sine, cosine = flat["rot"][:2]
    yaw = ros_yaw(np.arctan2(sine, cosine))
    boxes = np.stack([x, y, flat["height"][0], length, width, height, yaw], axis=1)
    return NodeBoxes(boxes, flat["vel"][:2].T, by_class.argmax(axis=0), by_class.max(axis=0), np.hypot(sine, cosine))


def scores(outputs: Mapping[str, NDArray[np.float32]]) -> Array:
    """(classes, N) in 0..1, of every class in every cell, row by row."""
    logits = np.asarray(outputs["heatmap"], dtype=np.float64)[0]
    return np.asarray(1.0 / (1.0 + np.exp(-logits.reshape(len(logits), -1))))


def ros_yaw(yaw: Array) -> Array:
    """The yaw that the node publishes for the network's: -yaw - pi/2 (ros_utils.cpp), brought to -pi..pi."""
    turned = -yaw - np.pi / 2
    return np.arctan2(np.sin(turned), np.cos(turned))


def published(boxes: NodeBoxes, model: dict[str, Any], circle_nms_distance: float) -> NodeBoxes:
    """What is left of `every_box` after the thresholds and the circle NMS, best first.

    circle_nms_distance [m]: `post_process_params.circle_nms_dist_threshold` of the node; classes are not told apart.
    """
    thresholds = model["detection_score_thresholds"]
    least = np.array([thresholds["min_confidence_scores"][name] for name in model["class_names"]])
    kept = boxes.take(passes(boxes, thresholds["distance_bin_upper_limits"], least, model["yaw_norm_thresholds"]))
    kept = kept.take(np.argsort(-kept.scores, kind="stable"))
    return kept.take(circle_nms(kept.boxes[:, :2], circle_nms_distance))
