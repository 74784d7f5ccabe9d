"""TransFusion: pillars, SECOND backbone, FPN neck, query head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from t4zoo.errors import UsageError
from t4zoo.models.common.detector import Detector, check_divides
from t4zoo.models.common.encoder import PillarEncoder
from t4zoo.models.common.fpn import SecondFPN, output_stride
from t4zoo.models.common.pillars import PillarGrid, spread
from t4zoo.models.common.query_head import CLASS_WEIGHTS
from t4zoo.models.common.second import Second
from t4zoo.models.TransFusion.head import STRIDE, TransFusionHead

# Constants of Autoware's node, not settings (transfusion_config.hpp).
POINT_FEATURES = ("x", "y", "z", "intensity", "lag")
MAX_POINTS = 20  # a pillar

IN_FEATURES = len(POINT_FEATURES) + 3 + 3  # and the offsets from the mean of the pillar's points and from its middle


class TransFusion(Detector):
    """See `Detector`; the head says `Queries`, and the node has no other point features than `POINT_FEATURES`.

    small_classes: see `QueryHead`, by name; those that the product does not have are left out.
    encoder, backbone, neck, head: further arguments of `PillarEncoder`, `Second`, `SecondFPN`, `TransFusionHead`.
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
        max_sweeps: int,
        encoder: dict[str, Any],
        backbone: dict[str, Any],
        neck: dict[str, Any],
        head: dict[str, Any],
        norm: dict[str, Any],
        data_preprocessor: Any = None,
    ) -> None:
        super().__init__(class_names, point_cloud_range, voxel_size, point_features, max_sweeps, data_preprocessor)
        if self.point_features != POINT_FEATURES:
            raise UsageError(
                f"point_features is {list(self.point_features)}; Autoware's node gives {list(POINT_FEATURES)}"
            )
        self.downsample = output_stride(backbone["strides"], neck["strides"])
        self.grid = PillarGrid(self.point_cloud_range, self.voxel_size, MAX_POINTS)
        check_divides(self.grid.shape, math.lcm(math.prod(backbone["strides"]), STRIDE), backbone["strides"])
        self.encoder = PillarEncoder(IN_FEATURES, norm=norm, **encoder)
        self.backbone = Second(self.encoder.out_channels, norm=norm, **backbone)
        self.neck = SecondFPN(backbone["channels"], norm=norm, **neck)
        self.head = TransFusionHead(
            self.neck.out_channels,
            self.grid,
            self.downsample,
            classes=len(self.class_names),
            small_classes=[i for i, name in enumerate(self.class_names) if name in small_classes],
            norm=norm,
            **head,
        )

    def canvas(self, clouds: Sequence[Tensor]) -> Tensor:
        """(B, C, H, W) the encoded pillars, H along y and W along x."""
        pillars = self.grid.voxelise(clouds)
        encoded = self.encoder(self.grid.decorate(pillars, centre_z=True), pillars)
        return spread(encoded, pillars.cells, len(clouds), self.grid.shape)
