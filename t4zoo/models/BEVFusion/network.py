"""BEVFusion, of lidar alone: voxels, convolutions in space, SECOND backbone, FPN neck, query head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from t4zoo.errors import UsageError
from t4zoo.models.BEVFusion.head import BEVFusionHead
from t4zoo.models.common.detector import Detector, check_divides, check_grid
from t4zoo.models.common.fpn import SecondFPN, output_stride
from t4zoo.models.common.query_head import CLASS_WEIGHTS, Queries
from t4zoo.models.common.second import Second
from t4zoo.models.common.voxel_encoder import VoxelEncoder
from t4zoo.models.common.voxels import VoxelGrid, Voxels

# What the node can put into a voxel, without and with `use_intensity`.
POINT_FEATURES = (("x", "y", "z", "lag"), ("x", "y", "z", "intensity", "lag"))


class BEVFusion(Detector):
    """See `Detector`; the head says `Queries`. The height of a point is kept, and not put into a pillar.

    small_classes: see `QueryHead`, by name; those that the product does not have are left out.
    max_points: a voxel can hold.
    encoder, backbone, neck, head: further arguments of `VoxelEncoder`, `Second`, `SecondFPN`, `BEVFusionHead`.
    norm: eps and momentum of every batch norm.
    """

    class_weights = tuple(f"head.{name}" for name in CLASS_WEIGHTS)

    def __init__(
        self,
        class_names: Sequence[str],
        small_classes: Sequence[str],
        point_cloud_range: Sequence[float],
        voxel_size: Sequence[float],
        point_features: Sequence[str],
        max_points: int,
        max_sweeps: int,
        encoder: dict[str, Any],
        backbone: dict[str, Any],
        neck: dict[str, Any],
        head: dict[str, Any],
        norm: dict[str, Any],
        data_preprocessor: Any = None,
    ) -> None:
        super().__init__(class_names, point_cloud_range, voxel_size, point_features, max_sweeps, data_preprocessor)
        if self.point_features not in POINT_FEATURES:
            known = " and ".join(str(list(names)) for names in POINT_FEATURES)
            raise UsageError(f"point_features is {list(self.point_features)}; Autoware's node gives {known}")
        check_grid(self.point_cloud_range, self.voxel_size, axes="z")
        self.grid = VoxelGrid(self.point_cloud_range, self.voxel_size, max_points)
        self.encoder = VoxelEncoder(len(self.point_features), self.grid.shape, norm=norm, **encoder)
        self.remarks = (f"trains with {encoder['convolution']} convolution in space",)
        shape = [cells // self.encoder.stride for cells in self.grid.shape[1:]]
        check_divides(shape, math.prod(backbone["strides"]), backbone["strides"])
        self.out_size_factor = self.encoder.stride * output_stride(backbone["strides"], neck["strides"])
        self.backbone = Second(self.encoder.out_channels, norm=norm, **backbone)
        self.neck = SecondFPN(backbone["channels"], norm=norm, **neck)
        self.head = BEVFusionHead(
            self.neck.out_channels,
            self.grid,
            self.out_size_factor,
            classes=len(self.class_names),
            small_classes=[i for i, name in enumerate(self.class_names) if name in small_classes],
            norm=norm,
            **head,
        )

    def canvas(self, clouds: Sequence[Tensor]) -> Tensor:
        """(B, C, H, W) of the clouds, H along y and W along x."""
        return self.encoder(self.grid.voxelise(clouds), len(clouds))

    def of_voxels(self, voxels: Voxels) -> Queries:
        """What the head says of the voxels of one cloud: the part that is exported."""
        return self.dense(self.encoder(voxels, 1))
