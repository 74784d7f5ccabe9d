"""Gaussian heatmaps: what a centre-based head is asked to see around each object.

Zhou, Wang, Kraehenbuehl: "Objects as Points" (2019).
Yin, Zhou, Kraehenbuehl: "Center-based 3D Object Detection and Tracking" (2021).
"""

from __future__ import annotations

import torch
from torch import Tensor

from t4zoo.models.common.together import mean_of_all, number_of_processes


def gaussian_radius(sizes: Tensor, min_overlap: float) -> Tensor:
    """(N,) how far [cells] a box of (N, 2) sizes [cells] may be moved with an overlap (IoU) of `min_overlap` left.

    The smallest of three cases, each the root of a quadratic: the box moved, shrunk and grown at its two corners
    (Law, Deng: "CornerNet", 2018).
    """
    total, area = sizes.sum(dim=1), sizes.prod(dim=1)
    moved = _smaller_root(1.0, -total, area * (1 - min_overlap) / (1 + min_overlap))
    shrunk = _smaller_root(4.0, -2 * total, area * (1 - min_overlap))
    grown = _larger_root(4 * min_overlap, 2 * min_overlap * total, (min_overlap - 1) * area)
    return torch.stack([moved, shrunk, grown]).min(dim=0).values


def _smaller_root(a: float, b: Tensor, c: Tensor) -> Tensor:
    return (-b - (b**2 - 4 * a * c).clamp(min=0).sqrt()) / (2 * a)


def _larger_root(a: float, b: Tensor, c: Tensor) -> Tensor:
    return (-b + (b**2 - 4 * a * c).clamp(min=0).sqrt()) / (2 * a)


def draw_heatmap(cells: Tensor, radii: Tensor, labels: Tensor, classes: int, shape: tuple[int, int]) -> Tensor:
    """(classes, H, W): 1 at each object's cell, falling off as a Gaussian to nothing beyond its radius.

    cells: (N, 2) whole x and y. radii: (N,) whole cells; the standard deviation is a sixth of the diameter.
    Where objects of a class overlap, the higher value stands.
    """
    rows, columns = shape
    heatmap = radii.new_zeros(classes, rows, columns, dtype=torch.float32)
    spread = 2 * ((2 * radii + 1) / 6.0) ** 2
    x = torch.arange(columns, device=cells.device)[None] - cells[:, :1]
    y = torch.arange(rows, device=cells.device)[None] - cells[:, 1:]
    along_x = torch.exp(-(x**2) / spread[:, None]) * (x.abs() <= radii[:, None])
    along_y = torch.exp(-(y**2) / spread[:, None]) * (y.abs() <= radii[:, None])
    for label in labels.unique().tolist():
        mine = labels == label
        heatmap[label] = (along_y[mine, :, None] * along_x[mine, None, :]).amax(dim=0)
    return heatmap


def around(cells: Tensor, reach: int, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The cells at most `reach` cells from each of (N, 2) `cells`: (M,) which of the N, and (M, 2) whole x and y."""
    rows, columns = shape
    steps = torch.arange(-reach, reach + 1, device=cells.device)
    every = cells[:, None] + torch.cartesian_prod(steps, steps)
    inside = ((every >= 0) & (every < every.new_tensor([columns, rows]))).all(dim=2)
    row = torch.arange(len(cells), device=cells.device)[:, None].expand_as(inside)
    return row[inside], every[inside]


def gaussian_focal_loss(logits: Tensor, heatmap: Tensor) -> Tensor:
    """Sum over all cells of the penalty-reduced focal loss ("CornerNet", equation 1; alpha 2, beta 4)."""
    positive = heatmap.eq(1)
    probability = logits.sigmoid()
    # Logarithms from the logits: exact where the probability rounds to 0 or 1.
    hit = torch.nn.functional.logsigmoid(logits) * (1 - probability) ** 2
    miss = torch.nn.functional.logsigmoid(-logits) * probability**2 * (1 - heatmap) ** 4
    return -torch.where(positive, hit, miss).sum()


def objects_of_all(count: int, peaks: Tensor) -> tuple[Tensor, Tensor]:
    """What a sum over `count` objects is to be divided by, and one over `peaks`, so that a mean over all comes of it.

    Of several processes, each of which has a share of the batch, that is the mean of their counts: their gradients are
    averaged, so that what becomes of them is the sum over all objects, divided by how many there are.
    """
    counts = mean_of_all(torch.stack([peaks.new_tensor(count), peaks]).double())
    objects, peaks = counts.clamp(min=1 / number_of_processes()).float()
    return objects, peaks
