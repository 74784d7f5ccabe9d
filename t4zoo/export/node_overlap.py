"""Suppression by overlap, as those of Autoware's nodes do it that publish one box a query.

Formulas: non_maximum_suppression.cpp of autoware_lidar_transfusion (contracts/ORIGIN.md names the commit).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from t4zoo.export.bundle_config import Suppression
from t4zoo.export.node_boxes import NodeBoxes, circle_nms

Array = NDArray[np.float64]


def suppress(boxes: NodeBoxes, class_names: Sequence[str], node: Suppression) -> NodeBoxes:
    """What the circle suppression and then that by overlap leave, best first."""
    kept = boxes.take(np.argsort(-boxes.scores, kind="stable"))
    kept = kept.take(circle_nms(kept.boxes[:, :2], node.circle_nms_dist_threshold))
    walkers = np.array([name == "PEDESTRIAN" for name in class_names])[kept.labels]
    return kept.take(apart(kept, walkers, node.iou_nms_search_distance_2d, node.iou_nms_threshold))


def apart(boxes: NodeBoxes, walkers: NDArray[np.bool_], distance: float, threshold: float) -> NDArray[np.bool_]:
    """Which boxes, best first, overlap no better one beyond `threshold`; one that is dropped drops others all the same.

    walkers: (N,) which are pedestrians; one of them and an object of another class never drop each other.
    distance: of the centres [m], beyond which nobody looks.
    """
    areas, centres = footprints(boxes.boxes), boxes.boxes[:, :2]
    kept = np.ones(len(boxes), dtype=bool)
    for i in range(1, len(boxes)):
        rivals = (boxes.labels[:i] == boxes.labels[i]) | ~(walkers[:i] | walkers[i])
        near = np.sum((centres[:i] - centres[i]) ** 2, axis=1) <= distance**2
        common = shapely.area(shapely.intersection(areas[:i], areas[i]))
        overlap = common / (shapely.area(areas[:i]) + shapely.area(areas[i]) - common)
        kept[i] = not np.any(rivals & near & (overlap > threshold))
    return kept


def footprints(boxes: Array) -> NDArray[np.object_]:
    """(N,) polygons of (N, 7) boxes, seen from above."""
    along = np.stack([np.cos(boxes[:, 6]), np.sin(boxes[:, 6])], axis=1) * boxes[:, 3:4] / 2
    across = np.stack([-np.sin(boxes[:, 6]), np.cos(boxes[:, 6])], axis=1) * boxes[:, 4:5] / 2
    corners = np.stack([along + across, along - across, -along - across, across - along], axis=1)
    return np.asarray(shapely.polygons(corners + boxes[:, None, :2]))
