"""CenterPoint: pillars, SECOND backbone, FPN neck, centre head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor

from t4zoo.errors import UsageError
from t4zoo.models.CenterPoint.coder import Coder
from t4zoo.models.CenterPoint.head import CenterHead, CenterMaps
from t4zoo.models.common.boxes import Boxes
from t4zoo.models.common.encoder import PillarEncoder
from t4zoo.models.common.fpn import SecondFPN, output_stride
from t4zoo.models.common.pillars import PillarGrid, feature_count, spread
from t4zoo.models.common.second import Second


class CenterPoint(BaseModel):
    """A detector of boxes in a lidar cloud.

    class_names: of the labels, in order. point_cloud_range: x, y, z min, x, y, z max [m]. voxel_size: x, y, z [m].
    point_features: columns of a point; centre_z: see `feature_count`. max_sweeps: earlier clouds that a frame holds.
    encoder, backbone, neck, head: further arguments of `PillarEncoder`, `Second`, `SecondFPN`, `CenterHead`.
    norm: eps and momentum of every batch norm.
    """

    class_weights = ("head.branches.heatmap.1.weight", "head.branches.heatmap.1.bias")  # with a row a class

    def __init__(
        self,
        class_names: Sequence[str],
        point_cloud_range: Sequence[float],
        voxel_size: Sequence[float],
        point_features: Sequence[str],
        centre_z: bool,
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
        self.centre_z, self.max_sweeps = centre_z, max_sweeps
        self.in_features = feature_count(point_features, centre_z)
        self.downsample = output_stride(backbone["strides"], neck["strides"])
        self.grid = PillarGrid(self.point_cloud_range, self.voxel_size)
        _check_grid(self.grid.shape, backbone["strides"])
        self.encoder = PillarEncoder(self.in_features, norm=norm, **encoder)
        self.backbone = Second(self.encoder.out_channels, norm=norm, **backbone)
        self.neck = SecondFPN(backbone["channels"], norm=norm, **neck)
        cell_size = (self.voxel_size[0] * self.downsample, self.voxel_size[1] * self.downsample)
        coder = Coder((self.point_cloud_range[0], self.point_cloud_range[1]), cell_size)
        self.head = CenterHead(self.neck.out_channels, len(self.class_names), coder, norm=norm, **head)

    def forward(self, inputs: Sequence[Tensor], data_samples: Sequence[Any] | None = None, mode: str = "tensor") -> Any:
        """What mmengine calls: `loss` -> named losses, `predict` -> list of `Boxes`, `tensor` -> `CenterMaps`.

        inputs: (N, F) clouds in metres and lidar coordinates. data_samples: see `CenterHead.loss`.
        """
        maps = self.dense(self.canvas(inputs))
        if mode == "loss":
            return self.head.loss(maps, data_samples or ())
        return self.head.predict(maps) if mode == "predict" else maps

    @torch.no_grad()
    def predict(self, clouds: Sequence[Tensor]) -> list[Boxes]:
        """The boxes of each (N, F) cloud; the model should be in evaluation mode."""
        return self.forward(clouds, mode="predict")

    def canvas(self, clouds: Sequence[Tensor]) -> Tensor:
        """(B, 32, H, W) the encoded pillars, H along y and W along x: what the node scatters."""
        pillars = self.grid.voxelise(clouds)
        encoded = self.encoder(self.grid.decorate(pillars, self.centre_z), pillars)
        return spread(encoded, pillars.cells, len(clouds), self.grid.shape)

    def dense(self, canvas: Tensor) -> CenterMaps:
        """Backbone, neck and head: the part that is exported as `pts_backbone_neck_head`."""
        return self.head(self.neck(self.backbone(canvas)))


def _check_grid(shape: tuple[int, int], strides: Sequence[int]) -> None:
    total = math.prod(strides)
    if any(cells % total for cells in shape):
        raise UsageError(
            f"point_cloud_range and voxel_size give {shape[0]} x {shape[1]} cells, which the backbone's strides "
            f"{list(strides)} do not divide evenly; choose a range of a multiple of {total} cells"
        )
