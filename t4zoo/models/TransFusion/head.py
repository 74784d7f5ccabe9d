"""The query head on the cells in which Autoware's TransFusion node reads centres: four pillars to a side."""

from __future__ import annotations

from typing import Any

from t4zoo.errors import UsageError
from t4zoo.models.common.pillars import PillarGrid
from t4zoo.models.common.query_head import QueryHead
from t4zoo.models.TransFusion.coder import Coder

STRIDE = 4  # pillars to a side of a cell of the map: a constant of the node, not a setting (transfusion_config.hpp)


class TransFusionHead(QueryHead):
    """See `QueryHead`. grid: of the pillars. stride: pillars to a side of a cell of the neck's map."""

    def __init__(self, in_channels: int, grid: PillarGrid, stride: int, **further: Any) -> None:
        if stride != STRIDE:
            raise UsageError(
                f"backbone and neck give a map {stride} times as coarse as the pillars, and Autoware's node reads "
                f"centres in cells of {STRIDE} pillars; choose strides that come to {STRIDE}"
            )
        shape = (grid.shape[0] // STRIDE, grid.shape[1] // STRIDE)
        origin = (grid.point_cloud_range[0], grid.point_cloud_range[1])
        coder = Coder(origin, (grid.voxel_size[0] * STRIDE, grid.voxel_size[1] * STRIDE))
        super().__init__(in_channels, shape=shape, coder=coder, **further)
