"""CenterPoint: pillars, SECOND backbone, FPN neck, centre head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from t4zoo.models.CenterPoint.coder import Coder
from t4zoo.models.CenterPoint.head import CenterHead
from t4zoo.models.common.detector import Detector, check_divides
from t4zoo.models.common.encoder import PillarEncoder
from t4zoo.models.common.fpn import SecondFPN, output_stride
from t4zoo.models.common.pillars import PillarGrid, feature_count, spread
from t4zoo.models.common.second import Second


class CenterPoint(Detector):
    """See `Detector`; the head says `CenterMaps`.

    centre_z: see `feature_count`.
    encoder, backbone, neck, head: further arguments of `PillarEncoder`, `Second`, `SecondFPN`, `CenterHead`.
    norm: eps and momentum of every batch norm.
    """

    class_weights = ("head.branches.heatmap.1.weight", "head.branches.heatmap.1.bias")

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
        super().__init__(class_names, point_cloud_range, voxel_size, point_features, max_sweeps, data_preprocessor)
        self.centre_z = centre_z
        self.in_features = feature_count(point_features, centre_z)
        self.downsample = output_stride(backbone["strides"], neck["strides"])
        self.grid = PillarGrid(self.point_cloud_range, self.voxel_size)
        check_divides(self.grid.shape, math.prod(backbone["strides"]), backbone["strides"])
        self.encoder = PillarEncoder(self.in_features, norm=norm, **encoder)
        self.backbone = Second(self.encoder.out_channels, norm=norm, **backbone)
        self.neck = SecondFPN(backbone["channels"], norm=norm, **neck)
        cell_size = (self.voxel_size[0] * self.downsample, self.voxel_size[1] * self.downsample)
        coder = Coder((self.point_cloud_range[0], self.point_cloud_range[1]), cell_size)
        self.head = CenterHead(self.neck.out_channels, len(self.class_names), coder, norm=norm, **head)

    def canvas(self, clouds: Sequence[Tensor]) -> Tensor:
        """(B, 32, H, W) the encoded pillars, H along y and W along x: what the node scatters."""
        pillars = self.grid.voxelise(clouds)
        encoded = self.encoder(self.grid.decorate(pillars, self.centre_z), pillars)
        return spread(encoded, pillars.cells, len(clouds), self.grid.shape)
