"""CenterPoint in the form in which Autoware's node runs it: two networks, and what the node must know of them.

The head already learns the node's own numbers (see `coder`), so that nothing is turned or swapped here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from t4zoo.models.CenterPoint.head import CenterMaps
from t4zoo.models.CenterPoint.network import CenterPoint
from t4zoo.models.common.detector import likeliest_boxes as likeliest_boxes
from t4zoo.models.common.part import Part
from t4zoo.models.common.pillars import MAX_POINTS

_PILLARS = 8  # of the example; any number would do


class Encoder(nn.Module):
    """(V, P, C) point features -> (V, 1, 32) pillar features."""

    def __init__(self, model: CenterPoint) -> None:
        super().__init__()
        self.encoder = model.encoder

    def forward(self, input_features: Tensor) -> Tensor:
        """Zero rows are padding, as the node fills them."""
        return self.encoder.forward_padded(input_features)


class BackboneNeckHead(nn.Module):
    """(B, 32, H, W) canvas -> the six maps, in the order in which the node binds them."""

    def __init__(self, model: CenterPoint) -> None:
        super().__init__()
        self.backbone, self.neck, self.head = model.backbone, model.neck, model.head

    def forward(self, spatial_features: Tensor) -> tuple[Tensor, ...]:
        """heatmap (raw logits), reg, height, dim (logarithms of w, l, h), rot, vel."""
        return tuple(self.head(self.neck(self.backbone(spatial_features))))


def exported(network: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the network that is exported instead of the one with these: the same."""
    return dict(network)


def parts(model: CenterPoint) -> tuple[Part, ...]:
    """The `encoder` and the `head` of a trained model, on its device; they share its weights."""
    device = next(model.parameters()).device
    canvas = {0: "batch_size", 2: "height", 3: "width"}
    maps = {0: "batch_size", 2: "map_height", 3: "map_width"}
    return (
        Part(
            role="encoder",
            module=Encoder(model).eval(),
            examples=(torch.zeros(_PILLARS, MAX_POINTS, model.in_features, device=device),),
            inputs=("input_features",),
            outputs=("pillar_features",),
            dynamic={"input_features": {0: "num_voxels", 1: "num_max_points"}, "pillar_features": {0: "num_voxels"}},
        ),
        Part(
            role="head",
            module=BackboneNeckHead(model).eval(),
            examples=(torch.zeros(1, model.encoder.out_channels, *model.grid.shape, device=device),),
            inputs=("spatial_features",),
            outputs=CenterMaps._fields,
            dynamic={"spatial_features": canvas, **dict.fromkeys(CenterMaps._fields, maps)},
        ),
    )


def model_params(model: CenterPoint) -> dict[str, Any]:
    """What the node must know and only the model does, by the node's names; lengths in metres.

    class_names are the model's own; the export's configuration says what Autoware calls them. node_settings stand in
    the node's own parameter files, outside of the bundle: with others, it finds what was never evaluated.
    """
    return {
        "class_names": list(model.class_names),
        "point_feature_size": len(model.point_features),
        "point_cloud_range": list(model.point_cloud_range),
        "voxel_size": list(model.voxel_size),
        "downsample_factor": model.downsample,
        "encoder_in_feature_size": model.in_features,
        "has_variance": False,
        "node_settings": {
            "densification_params.num_past_frames": model.max_sweeps,
            "post_process_params.circle_nms_dist_threshold": model.head.nms_distance,
        },
    }
