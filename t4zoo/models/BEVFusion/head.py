"""The query head on cells of some voxels to a side, and what it says in the node's words."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from t4zoo.models.BEVFusion.coder import Coder
from t4zoo.models.common.boxes import Boxes
from t4zoo.models.common.query_head import Queries, QueryHead
from t4zoo.models.common.voxels import VoxelGrid


class Detections(NamedTuple):
    """What the node reads of one cloud. bbox_pred: (10, P) `coder.ROWS`. score: (P,) in 0..1. label_pred: (P,) int64.

    The names are those of the node's tensors.
    """

    bbox_pred: Tensor
    score: Tensor
    label_pred: Tensor


class BEVFusionHead(QueryHead):
    """See `QueryHead`. grid: of the voxels. out_size_factor: voxels to a side of a cell of the neck's map."""

    def __init__(self, in_channels: int, grid: VoxelGrid, out_size_factor: int, **further: Any) -> None:
        shape = (grid.shape[1] // out_size_factor, grid.shape[2] // out_size_factor)
        origin = (grid.point_cloud_range[0], grid.point_cloud_range[1])
        coder = Coder(origin, (grid.voxel_size[0], grid.voxel_size[1]), out_size_factor)
        super().__init__(in_channels, shape=shape, coder=coder, **further)

    def detections(self, found: Queries) -> list[Detections]:
        """Of each cloud: a query stands for the class for which it was chosen, and for no other."""
        rows = zip(found.numbers, found.scores, found.labels, strict=True)
        return [Detections(numbers.T, scores, labels) for numbers, scores, labels in rows]

    def predict(self, found: Queries) -> list[Boxes]:
        """The boxes of each cloud, of nothing but what the node reads."""
        return [self._predict_one(one.score, one.label_pred, one.bbox_pred.T) for one in self.detections(found)]
