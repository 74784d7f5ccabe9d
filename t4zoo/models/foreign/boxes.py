"""mmdet3d's boxes to ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from t4zoo.errors import T4zooError
from t4zoo.models.common.boxes import Boxes


class PredictionError(T4zooError):
    """A foreign model that gives no boxes as this project means them."""


def boxes_of(samples: Sequence[Any], who: str) -> list[Boxes]:
    """The 3D boxes of each sample that a model's `predict` mode gave, the surest first.

    A sample holds `pred_instances_3d` with `bboxes_3d` (mmdet3d's boxes in lidar coordinates, whose rows may end with
    vx, vy), `scores_3d` and `labels_3d`. Their rows name the middle of a box's underside; ours its centre. Sizes and
    yaw mean the same since mmdet3d 1.0. who: the model, for the error. Raises PredictionError.
    """
    return [_of_sample(sample, who) for sample in samples]


def _of_sample(sample: Any, who: str) -> Boxes:
    found = getattr(sample, "pred_instances_3d", None)
    boxes = getattr(found, "bboxes_3d", None)
    if found is None or boxes is None:
        raise PredictionError(
            f"{who}: gives no pred_instances_3d.bboxes_3d, so no boxes of this project; foreign.judge=config judges it "
            "by the test_evaluator of its own configuration"
        )
    if not all(hasattr(boxes, name) for name in ("gravity_center", "dims", "yaw", "tensor")):
        raise PredictionError(f"{who}: its bboxes_3d are {type(boxes).__name__}, and no boxes of mmdet3d")
    order = torch.argsort(found.scores_3d, descending=True, stable=True)
    yaw = torch.remainder(boxes.yaw + math.pi, 2 * math.pi) - math.pi
    rows = torch.cat([boxes.gravity_center, boxes.dims, yaw[:, None]], dim=1)
    velocities = boxes.tensor[:, 7:9]
    if velocities.shape[1] < 2:
        velocities = torch.full_like(rows[:, :2], float("nan"))  # not told
    return Boxes(rows[order], velocities[order], found.labels_3d[order], found.scores_3d[order])
