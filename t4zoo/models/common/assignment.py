"""Which query answers for which object, and the focal loss of what the queries say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

ALPHA, GAMMA = 0.25, 2.0  # of the focal loss (Lin and others: "Focal Loss for Dense Object Detection", 2017)


@dataclass(frozen=True)
class Costs:
    """What it costs a query to answer for an object: the weights of the three terms of `assign`.

    Carion and others: "End-to-End Object Detection with Transformers" (2020); Bai and others: "TransFusion" (2022).
    """

    classification: float
    centre: float
    overlap: float


def assign(costs: Costs, logits: Tensor, boxes: Tensor, truth: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The cheapest pairing in which each object has a query of its own: (M,) rows of queries and (M,) of objects.

    logits: (P, C) and boxes: (P, 7) of the queries. truth: (N, 7) and labels: (N,) of the objects; M is the smaller
    of P and N. The cost is the change of the focal loss, the distance of the centres along x and y [m] and the
    overlap, each with its weight.
    """
    cost = (
        costs.classification * _focal_cost(logits)[:, labels]
        + costs.centre * torch.cdist(boxes[:, :2], truth[:, :2], p=1)
        - costs.overlap * overlap(boxes, truth)
    )
    rows, columns = linear_sum_assignment(_finite(cost.detach().double().cpu().numpy()))
    return torch.from_numpy(rows).to(labels.device), torch.from_numpy(columns).to(labels.device)


def _finite(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """A box that has grown beyond all numbers costs much, and does not stop the pairing."""
    return np.nan_to_num(cost, nan=1e9, posinf=1e9, neginf=1e9)


def _focal_cost(logits: Tensor) -> Tensor:
    """(P, C) focal loss of a query that should say yes to a class, less that of one that should say no."""
    probability = logits.sigmoid()
    yes = -torch.nn.functional.logsigmoid(logits) * ALPHA * (1 - probability) ** GAMMA
    no = -torch.nn.functional.logsigmoid(-logits) * (1 - ALPHA) * probability**GAMMA
    return yes - no


def overlap(boxes: Tensor, truth: Tensor) -> Tensor:
    """(P, N) intersection over union in space of (P, 7) with (N, 7) boxes, as if each pair stood at right angles.

    Measured along the axes of `truth`, to the nearest of which each of `boxes` is turned: exact where the yaws differ
    by a multiple of a quarter turn, an approximation that needs no polygons where they do not.
    """
    turn = boxes[:, None, 6] - truth[None, :, 6]
    away = boxes[:, None, :3] - truth[None, :, :3]
    cosine, sine = truth[:, 6].cos(), truth[:, 6].sin()
    along = torch.stack(
        [away[..., 0] * cosine + away[..., 1] * sine, away[..., 1] * cosine - away[..., 0] * sine, away[..., 2]], dim=2
    ).abs()
    crosswise = (turn.cos().abs() < turn.sin().abs())[..., None]
    length, width, height = (boxes[:, None, 3 + i : 4 + i].expand(-1, len(truth), 1) for i in range(3))
    sizes = torch.cat([torch.where(crosswise, width, length), torch.where(crosswise, length, width), height], dim=2)
    wanted = truth[None, :, 3:6]
    common = torch.minimum((sizes + wanted) / 2 - along, torch.minimum(sizes, wanted)).clamp(min=0).prod(dim=2)
    return common / (sizes.prod(dim=2) + wanted.prod(dim=2) - common)


def focal_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Sum of the focal loss of (..., C) logits that should be 1 or 0 as `wanted` says."""
    probability = logits.sigmoid()
    yes = torch.nn.functional.logsigmoid(logits) * ALPHA * (1 - probability) ** GAMMA
    no = torch.nn.functional.logsigmoid(-logits) * (1 - ALPHA) * probability**GAMMA
    return -(wanted * yes + (1 - wanted) * no).sum()
