"""What a detector gives for one cloud, and the circle suppression of Autoware's node."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Boxes(NamedTuple):
    """N boxes of one cloud, highest score first, in its lidar coordinates.

    boxes: (N, 7) x, y, z of the centre, length, width, height [m], yaw about +z from +x [rad, -pi..pi].
    velocities: (N, 2) vx, vy [m/s]. labels: (N,) index of the class. scores: (N,) in 0..1.
    """

    boxes: Tensor
    velocities: Tensor
    labels: Tensor
    scores: Tensor


def circle_nms(centres: Tensor, distance: float) -> Tensor:
    """Indices of the centres (N, 2), best first, that lie at least `distance` [m] from every better kept one.

    Classes are not told apart, as in the node's `circle_nms_kernel.cu`.
    """
    # In double precision on the processor: a few hundred boxes at most, and the greedy walk is sequential.
    points = centres.detach().double().cpu()
    near = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist") < distance
    dropped = torch.zeros(len(points), dtype=torch.bool)
    kept = []
    for i in range(len(points)):
        if not dropped[i]:
            kept.append(i)
            dropped |= near[i]
    return torch.tensor(kept, dtype=torch.long, device=centres.device)
