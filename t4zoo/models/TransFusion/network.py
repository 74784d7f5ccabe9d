"""TransFusion: pillars, SECOND backbone, FPN neck, query head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor

from t4zoo.errors import UsageError
from t4zoo.models.common.boxes import Boxes
from t4zoo.models.common.encoder import PillarEncoder
from t4zoo.models.common.fpn import SecondFPN, output_stride
from t4zoo.models.common.pillars import PillarGrid, spread
from t4zoo.models.common.second import Second
from t4zoo.models.TransFusion.coder import Coder
from t4zoo.models.TransFusion.head import Queries, QueryHead

# Constants of Autoware's node, not settings (transfusion_config.hpp).
POINT_FEATURES = ("x", "y", "z", "intensity", "lag")
MAX_POINTS = 20  # a pillar
STRIDE = 4  # pillars to a side of a cell of the head's map

IN_FEATURES = len(POINT_FEATURES) + 3 + 3  # and the offsets from the mean of the pillar's points and from its middle


class TransFusion(BaseModel):
    """A detector of boxes in a lidar cloud.

    class_names: of the labels, in order. small_classes: see `QueryHead`, by name; those that the product does not have
    are left out. point_cloud_range: x, y, z min, x, y, z max [m]. voxel_size: x, y, z [m].
    point_features: columns of a point; the node has no others than `POINT_FEATURES`.
    max_sweeps: earlier clouds that a frame holds.
    encoder, backbone, neck, head: further arguments of `PillarEncoder`, `Second`, `SecondFPN`, `QueryHead`.
    norm: eps and momentum of every batch norm.
    """

    # with a row a class
    class_weights = (
        "head.heatmap.1.weight",
        "head.heatmap.1.bias",
        "head.category.weight",
        "head.branches.logits.2.weight",
        "head.branches.logits.2.bias",
    )

    def __init__(
        self,
        class_names: Sequence[str],
        small_classes: Sequence[str],
        point_cloud_range: Sequence[float],
        voxel_size: Sequence[float],
        point_features: Sequence[str],
        max_sweeps: int,
        encoder: dict[str, Any],
        backbone: dict[str, Any],
        neck: dict[str, Any],
        head: dict[str, Any],
        norm: dict[str, Any],
        data_preprocessor: Any = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.class_names, self.point_features = tuple(class_names), tuple(point_features)
        self.point_cloud_range = tuple(float(value) for value in point_cloud_range)
        self.voxel_size = tuple(float(value) for value in voxel_size)
        self.max_sweeps = max_sweeps
        self.downsample = output_stride(backbone["strides"], neck["strides"])
        self.grid = PillarGrid(self.point_cloud_range, self.voxel_size, MAX_POINTS)
        _check(self.point_features, self.downsample, self.grid.shape, backbone["strides"])
        self.encoder = PillarEncoder(IN_FEATURES, norm=norm, **encoder)
        self.backbone = Second(self.encoder.out_channels, norm=norm, **backbone)
        self.neck = SecondFPN(backbone["channels"], norm=norm, **neck)
        cell_size = (self.voxel_size[0] * STRIDE, self.voxel_size[1] * STRIDE)
        self.head = QueryHead(
            self.neck.out_channels,
            len(self.class_names),
            (self.grid.shape[0] // STRIDE, self.grid.shape[1] // STRIDE),
            Coder((self.point_cloud_range[0], self.point_cloud_range[1]), cell_size),
            small_classes=[i for i, name in enumerate(self.class_names) if name in small_classes],
            norm=norm,
            **head,
        )

    def forward(self, inputs: Sequence[Tensor], data_samples: Sequence[Any] | None = None, mode: str = "tensor") -> Any:
        """What mmengine calls: `loss` -> named losses, `predict` -> list of `Boxes`, `tensor` -> `Queries`.

        inputs: (N, F) clouds in metres and lidar coordinates. data_samples: see `QueryHead.loss`.
        """
        found = self.dense(self.canvas(inputs))
        if mode == "loss":
            return self.head.loss(found, data_samples or ())
        return self.head.predict(found) if mode == "predict" else found

    @torch.no_grad()
    def predict(self, clouds: Sequence[Tensor]) -> list[Boxes]:
        """The boxes of each (N, F) cloud; the model should be in evaluation mode."""
        return self.forward(clouds, mode="predict")

    def canvas(self, clouds: Sequence[Tensor]) -> Tensor:
        """(B, C, H, W) the encoded pillars, H along y and W along x."""
        pillars = self.grid.voxelise(clouds)
        encoded = self.encoder(self.grid.decorate(pillars, centre_z=True), pillars)
        return spread(encoded, pillars.cells, len(clouds), self.grid.shape)

    def dense(self, canvas: Tensor) -> Queries:
        """Backbone, neck and head."""
        return self.head(self.neck(self.backbone(canvas)))


def _check(point_features: tuple[str, ...], stride: int, shape: tuple[int, int], strides: Sequence[int]) -> None:
    if point_features != POINT_FEATURES:
        raise UsageError(f"point_features is {list(point_features)}; Autoware's node gives {list(POINT_FEATURES)}")
    if stride != STRIDE:
        raise UsageError(
            f"backbone and neck give a map {stride} times as coarse as the pillars, and Autoware's node reads centres "
            f"in cells of {STRIDE} pillars; choose strides that come to {STRIDE}"
        )
    total = math.lcm(math.prod(strides), STRIDE)
    if any(cells % total for cells in shape):
        raise UsageError(
            f"point_cloud_range and voxel_size give {shape[0]} x {shape[1]} pillars, which the backbone's strides "
            f"{list(strides)} do not divide evenly; choose a range of a multiple of {total} pillars"
        )
