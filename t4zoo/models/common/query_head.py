"""The query head: places where a heatmap is high become queries, a transformer layer refines them, each gives a box.

Bai and others: "TransFusion: Robust LiDAR-Camera Fusion for 3D Object Detection with Transformers" (2022), its first
decoder layer, which sees lidar alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from t4zoo.errors import UsageError
from t4zoo.models.common.assignment import Costs, assign, focal_loss
from t4zoo.models.common.attention import DecoderLayer
from t4zoo.models.common.boxes import Boxes, circle_nms
from t4zoo.models.common.detector import check_names
from t4zoo.models.common.second import block
from t4zoo.models.common.targets import draw_heatmap, gaussian_focal_loss, gaussian_radius, objects_of_all

BIAS = -2.19  # logit of 0.1: at the start an object everywhere would cost more than none ("Focal Loss", 3.3)

# The numbers of a query, in the order of the columns, with how many each has. `centre` is in cells from the origin.
NUMBERS = {"centre": 2, "height": 1, "dim": 3, "rot": 2, "vel": 2}

LOSSES = ("heatmap", "classification", *NUMBERS)

# The weights that have a row a class.
CLASS_WEIGHTS = (
    "heatmap.1.weight",
    "heatmap.1.bias",
    "category.weight",
    "branches.logits.2.weight",
    "branches.logits.2.bias",
)


class QueryCoder(Protocol):
    """What an algorithm's coder gives the head: cells of `cell_size` (x, y) [m], and boxes as `NUMBERS` and back."""

    @property
    def cell_size(self) -> tuple[float, float]:
        """A side of a cell of the map along x and y [m]."""

    def centres(self, boxes: Tensor) -> Tensor:
        """(N, 2) x and y of the centres of (N, 7) boxes, in cells from the origin, with their fraction."""

    def encode(self, boxes: Tensor, velocities: Tensor) -> Tensor:
        """(N, 10) `NUMBERS` of (N, 7) boxes and (N, 2) velocities."""

    def decode(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 7) boxes with yaw in -pi..pi and (N, 2) velocities from (N, 10) numbers."""


class Queries(NamedTuple):
    """What P queries of each of B clouds say.

    heatmap: (B, classes, H, W) raw logits of the dense map that they were chosen from. labels: (B, P) class for which
    each was chosen, heat: (B, P) the map's value there, 0..1. logits: (B, P, classes). numbers: (B, P, 10).
    """

    heatmap: Tensor
    labels: Tensor
    heat: Tensor
    logits: Tensor
    numbers: Tensor

    @property
    def scores(self) -> Tensor:
        """(B, P) in 0..1: how hot the place was, times what the query itself thinks of that class."""
        return self.heat * self.logits.gather(2, self.labels[..., None])[..., 0].sigmoid()


class QueryHead(nn.Module):
    """Boxes from the neck's features.

    shape: rows and columns of the map. coder: where its cells lie.
    channels: of the shared convolution and the queries; heads, feedforward: of the decoder.
    queries: how many a cloud. small_classes: indices of the classes whose objects may stand in neighbouring cells; of
    the others only a cell that is the highest of its 3 x 3 becomes a query.
    min_overlap, min_radius: see `gaussian_radius`; the radius is at least `min_radius` cells.
    costs: of `assign`. loss_weights: factor of each loss. score_threshold, nms_distance [m]: what becomes a box.
    """

    middles: Tensor  # (N, 2) x and y of the cells' middles [cells], row by row

    def __init__(
        self,
        in_channels: int,
        classes: int,
        shape: tuple[int, int],
        coder: QueryCoder,
        channels: int,
        heads: int,
        feedforward: int,
        queries: int,
        small_classes: Sequence[int],
        min_overlap: float,
        min_radius: int,
        costs: dict[str, float],
        loss_weights: dict[str, float],
        score_threshold: float,
        nms_distance: float,
        norm: dict[str, Any],
    ) -> None:
        super().__init__()
        self.coder, self.classes, self.queries = coder, classes, queries
        self.small_classes = tuple(small_classes)
        self.min_overlap, self.min_radius = min_overlap, min_radius
        self.score_threshold, self.nms_distance = score_threshold, nms_distance
        check_names("head.costs", costs, ("classification", "centre", "overlap"))
        check_names("head.loss_weights", loss_weights, LOSSES)
        if not 1 <= queries <= classes * shape[0] * shape[1]:
            raise UsageError(f"queries is {queries}; there are {classes * shape[0] * shape[1]} places to choose from")
        self.costs, self.loss_weights = Costs(**costs), dict(loss_weights)
        self.shared = block(in_channels, channels, norm)
        self.heatmap = nn.Sequential(block(channels, channels, norm), nn.Conv2d(channels, classes, 3, padding=1))
        self.category = nn.Embedding(classes, channels)
        self.place = nn.Sequential(nn.Linear(2, channels), nn.ReLU(inplace=True), nn.Linear(channels, channels))
        self.decoder = DecoderLayer(channels, heads, feedforward)
        self.branches = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(channels, channels), nn.ReLU(inplace=True), nn.Linear(channels, count))
                for name, count in {"logits": classes, **NUMBERS}.items()
            }
        )
        for bias in (self.heatmap.get_parameter("1.bias"), self.branches.get_parameter("logits.2.bias")):
            nn.init.constant_(bias, BIAS)
        rows, columns = torch.meshgrid(torch.arange(shape[0]), torch.arange(shape[1]), indexing="ij")
        middles = torch.stack([columns.flatten(), rows.flatten()], dim=1) + 0.5
        self.register_buffer("middles", middles, persistent=False)
        self.shape = shape

    def forward(self, features: Tensor) -> Queries:
        """The queries of each of the B maps (B, in, H, W)."""
        shared = self.shared(features)
        heatmap = self.heatmap(shared)
        heat, labels, cells = self._choose(heatmap.detach().float().sigmoid())
        flat = shared.flatten(2).transpose(1, 2)
        clouds, places, channels = map(int, flat.shape)
        rows = cells + places * torch.arange(clouds, device=cells.device)[:, None]
        chosen = flat.reshape(-1, channels)[rows.flatten()].reshape(clouds, self.queries, channels)
        middles = self.middles[cells]
        grid = self.place(self._scaled(self.middles))[None]
        queries = self.decoder(chosen + self.category(labels), self.place(self._scaled(middles)), flat, grid)
        logits, centre, *rest = (branch(queries).float() for branch in self.branches.values())
        return Queries(heatmap, labels, heat, logits, torch.cat([middles + centre, *rest], dim=2))

    def _scaled(self, middles: Tensor) -> Tensor:
        """Places in -1..1."""
        return middles / middles.new_tensor([self.shape[1] / 2, self.shape[0] / 2]) - 1

    def _choose(self, heat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The highest (B, P) values of (B, classes, H, W) heat, their classes and their cells, row by row."""
        highest = functional.max_pool2d(heat, 3, stride=1, padding=1)
        peaks = heat * (heat == highest)
        if self.small_classes:
            peaks = torch.stack(
                [heat[:, i] if i in self.small_classes else peaks[:, i] for i in range(self.classes)], dim=1
            )
        flat = peaks.flatten(1)
        if torch.onnx.is_in_onnx_export():
            values, order = flat.topk(self.queries, dim=1)  # which takes the first of equals, in ONNX
        else:
            values, order = (item[:, : self.queries] for item in flat.sort(dim=1, descending=True, stable=True))
        cells = self.shape[0] * self.shape[1]
        labels = torch.div(order, cells, rounding_mode="trunc")
        return values, labels, order - labels * cells

    def loss(self, found: Queries, samples: Sequence[Any]) -> dict[str, Tensor]:
        """Focal loss of the heatmap and of the queries' classes, and L1 of the numbers: each a mean over the objects.

        samples: one a cloud, with `boxes` (N, 7), `velocities` (N, 2; NaN is not learnt from), `labels` (N,).
        """
        heatmap = torch.stack([self._heatmap(sample.boxes, sample.labels) for sample in samples])
        said = torch.zeros_like(found.logits)
        given, wanted = [], []
        for i, sample in enumerate(samples):
            boxes, _ = self.coder.decode(found.numbers[i].detach())
            rows, columns = assign(self.costs, found.logits[i].detach(), boxes, sample.boxes, sample.labels)
            said[i, rows, sample.labels[columns]] = 1.0
            given.append(found.numbers[i, rows])
            wanted.append(self.coder.encode(sample.boxes[columns], sample.velocities[columns]))
        numbers, truth = torch.cat(given), torch.cat(wanted)
        count, peaks = objects_of_all(len(truth), heatmap.eq(1).sum())
        error = torch.where(truth.isnan(), 0.0, (numbers - truth.nan_to_num()).abs())
        per_name = error.sum(dim=0).split(list(NUMBERS.values()))
        losses = {name: part.sum() / count for name, part in zip(NUMBERS, per_name, strict=True)}
        losses["heatmap"] = gaussian_focal_loss(found.heatmap.float(), heatmap) / peaks
        losses["classification"] = focal_loss(found.logits, said) / count
        return {f"loss_{name}": self.loss_weights[name] * losses[name] for name in LOSSES}

    def _heatmap(self, boxes: Tensor, labels: Tensor) -> Tensor:
        sizes = boxes[:, 3:5] / boxes.new_tensor(self.coder.cell_size)
        radii = gaussian_radius(sizes, self.min_overlap).floor().clamp(min=self.min_radius)
        return draw_heatmap(self.coder.centres(boxes).floor().long(), radii, labels, self.classes, self.shape)

    def predict(self, found: Queries) -> list[Boxes]:
        """The boxes of each cloud, as the node makes them: thresholded, highest score first, circle NMS."""
        return [self._predict_one(*one) for one in zip(found.scores, found.labels, found.numbers, strict=True)]

    def _predict_one(self, scores: Tensor, labels: Tensor, numbers: Tensor) -> Boxes:
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] >= self.score_threshold]
        boxes, velocities = self.coder.decode(numbers[order])
        kept = circle_nms(boxes[:, :2], self.nms_distance)
        return Boxes(boxes[kept], velocities[kept], labels[order[kept]], scores[order[kept]])
