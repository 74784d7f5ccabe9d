"""The centre head: a heatmap a class and the box's numbers at each cell; its loss, and its boxes.

Yin, Zhou, Kraehenbuehl: "Center-based 3D Object Detection and Tracking" (2021), as Autoware's node decodes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from t4zoo.models.CenterPoint.coder import CHANNELS, Coder
from t4zoo.models.common.boxes import Boxes, circle_nms
from t4zoo.models.common.detector import check_names
from t4zoo.models.common.second import block
from t4zoo.models.common.targets import around, draw_heatmap, gaussian_focal_loss, gaussian_radius, objects_of_all

HEATMAP_BIAS = -2.19  # logit of 0.1: at the start an object everywhere would cost more than none ("Focal Loss", 3.3)

LOSSES = ("heatmap", *CHANNELS)


class CenterMaps(NamedTuple):
    """The head's six maps (B, channels, H, W), in the order in which the node binds them. heatmap: raw logits."""

    heatmap: Tensor
    reg: Tensor
    height: Tensor
    dim: Tensor
    rot: Tensor
    vel: Tensor


class CenterHead(nn.Module):
    """Maps from the neck's features.

    coder: where the cells lie. shared_channels: of the convolution that all maps share; branch_channels: of each
    map's own. min_overlap, min_radius: see `gaussian_radius`; the radius is at least `min_radius` cells.
    reach: how many cells to each side of an object's cell learn its numbers too, so that they all point at one centre
    and the circle suppression takes them for one box. loss_weights: factor of each map's loss.
    score_threshold, max_boxes, nms_distance [m]: what becomes a box.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        coder: Coder,
        shared_channels: int,
        branch_channels: int,
        min_overlap: float,
        min_radius: int,
        reach: int,
        loss_weights: dict[str, float],
        score_threshold: float,
        max_boxes: int,
        nms_distance: float,
        norm: dict[str, Any],
    ) -> None:
        super().__init__()
        check_names("head.loss_weights", loss_weights, LOSSES)
        self.coder, self.classes = coder, classes
        self.min_overlap, self.min_radius = min_overlap, min_radius
        self.reach = reach
        self.loss_weights = dict(loss_weights)
        self.score_threshold, self.max_boxes, self.nms_distance = score_threshold, max_boxes, nms_distance
        self.shared = block(in_channels, shared_channels, norm)
        branches = {}
        for name, channels in {"heatmap": classes, **CHANNELS}.items():
            last = nn.Conv2d(branch_channels, channels, 3, padding=1)
            if name == "heatmap":
                nn.init.constant_(last.get_parameter("bias"), HEATMAP_BIAS)
            branches[name] = nn.Sequential(block(shared_channels, branch_channels, norm), last)
        self.branches = nn.ModuleDict(branches)

    def forward(self, features: Tensor) -> CenterMaps:
        """The six maps."""
        shared = self.shared(features)
        return CenterMaps(*(branch(shared) for branch in self.branches.values()))

    def loss(self, maps: CenterMaps, samples: Sequence[Any]) -> dict[str, Tensor]:
        """Focal loss of the heatmap and L1 of each other map at the objects' cells, both a mean over the objects.

        samples: one a cloud, with `boxes` (N, 7), `velocities` (N, 2; NaN is not learnt from), `labels` (N,).
        """
        shape = (maps.heatmap.shape[2], maps.heatmap.shape[3])
        heatmap = torch.stack([self._heatmap(sample.boxes, sample.labels, shape) for sample in samples])
        batch = torch.cat([torch.full_like(sample.labels, i) for i, sample in enumerate(samples)])
        boxes = torch.cat([sample.boxes for sample in samples])
        velocities = torch.cat([sample.velocities for sample in samples])
        row, cells = around(self.coder.cells(boxes), self.reach, shape)
        batch, wanted = batch[row], self.coder.encode(boxes[row], velocities[row], cells)
        given = torch.cat(maps[1:], dim=1)[batch, :, cells[:, 1], cells[:, 0]].float()
        # Counted as the loss does, by cells that are exactly 1: two objects of a class may share one.
        count, peaks = objects_of_all(len(row), heatmap.eq(1).sum())
        error = torch.where(wanted.isnan(), 0.0, (given - wanted.nan_to_num()).abs())
        per_map = error.sum(dim=0).split(list(CHANNELS.values()))
        losses = {name: part.sum() / count for name, part in zip(CHANNELS, per_map, strict=True)}
        losses["heatmap"] = gaussian_focal_loss(maps.heatmap.float(), heatmap) / peaks
        return {f"loss_{name}": self.loss_weights[name] * losses[name] for name in LOSSES}

    def _heatmap(self, boxes: Tensor, labels: Tensor, shape: tuple[int, int]) -> Tensor:
        sizes = boxes[:, 3:5] / boxes.new_tensor(self.coder.cell_size)
        radii = gaussian_radius(sizes, self.min_overlap).floor().clamp(min=self.min_radius)
        return draw_heatmap(self.coder.cells(boxes), radii, labels, self.classes, shape)

    def predict(self, maps: CenterMaps) -> list[Boxes]:
        """The boxes of each cloud, as the node makes them: the best class of each cell, thresholded, circle NMS."""
        scores, labels = maps.heatmap.float().sigmoid().max(dim=1)
        values = torch.cat(maps[1:], dim=1).float()
        return [self._predict_one(*one) for one in zip(scores, labels, values, strict=True)]

    def _predict_one(self, scores: Tensor, labels: Tensor, values: Tensor) -> Boxes:
        columns = scores.shape[1]
        order = scores.flatten().argsort(descending=True, stable=True)[: self.max_boxes]
        order = order[scores.flatten()[order] >= self.score_threshold]
        cells = torch.stack([order % columns, order // columns], dim=1)
        boxes, velocities = self.coder.decode(cells, values.flatten(1)[:, order].T)
        kept = circle_nms(boxes[:, :2], self.nms_distance)
        order = order[kept]
        return Boxes(boxes[kept], velocities[kept], labels.flatten()[order], scores.flatten()[order])
