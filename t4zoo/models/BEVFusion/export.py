"""BEVFusion in the form in which Autoware's node runs it: one network, and what the node must know of it.

The head already learns the node's own numbers (see `coder`), so that nothing is turned or swapped here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from t4zoo.errors import UsageError
from t4zoo.models.BEVFusion.head import Detections
from t4zoo.models.BEVFusion.network import BEVFusion
from t4zoo.models.common.detector import likeliest_boxes as likeliest_boxes
from t4zoo.models.common.part import Part
from t4zoo.models.common.voxels import Voxels

_VOXELS = 8  # of the example; any number would do
_VOLUMES = 16  # of full resolution at a time, tracing and running: what an export of 20 x 480 x 480 voxels took


class Network(nn.Module):
    """Voxels of one cloud -> what its queries say."""

    def __init__(self, model: BEVFusion) -> None:
        super().__init__()
        self.model = model

    def forward(self, voxels: Tensor, num_points_per_voxel: Tensor, coors: Tensor) -> tuple[Tensor, ...]:
        """bbox_pred (10, P), score (P,) and label_pred (P,) as `Detections`.

        voxels: (V, max_points, F), zero rows where a voxel has fewer points. num_points_per_voxel: (V,). coors: (V, 3)
        as (z, y, x).
        """
        mean = voxels.sum(dim=1) / num_points_per_voxel[:, None].to(voxels.dtype)  # padding rows add nothing
        cells = torch.cat([torch.zeros_like(coors[:, :1]), coors], dim=1).long()
        [found] = self.model.head.detections(self.model.of_voxels(Voxels(mean, cells)))
        return tuple(found)


def exported(network: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the network that is exported instead of the one with these: its dense form, of equal weights.

    What a node's plugins compute for sparse convolutions no engine here can run, so that nothing could be proven.
    """
    return {**network, "encoder": {**network["encoder"], "convolution": "dense"}}


def parts(model: BEVFusion) -> tuple[Part, ...]:
    """The one `network` of a trained model, on its device; it shares the model's weights.

    Raises UsageError for a grid that this machine cannot compute where it is empty too.
    """
    _check_size(model)
    device = next(model.parameters()).device
    names = ("voxels", "num_points_per_voxel", "coors")
    return (
        Part(
            role="network",
            module=Network(model).eval(),
            examples=(
                torch.ones(_VOXELS, model.grid.max_points, len(model.point_features), device=device),
                torch.ones(_VOXELS, dtype=torch.int32, device=device),
                torch.arange(3 * _VOXELS, dtype=torch.int32, device=device).reshape(_VOXELS, 3) % 3,
            ),
            inputs=names,
            outputs=Detections._fields,
            dynamic={name: {0: "voxels_num"} for name in names},
        ),
    )


def _check_size(model: BEVFusion) -> None:
    slices, rows, columns = model.grid.shape
    volume = slices * rows * columns * model.encoder.first.norm.num_features * 4
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if _VOLUMES * volume > memory:
        raise UsageError(
            f"{slices} x {rows} x {columns} voxels make volumes of {volume / 2**30:.1f} GiB, and what is exported "
            f"holds the empty voxels too: it takes {_VOLUMES * volume / 2**30:.0f} GiB, and this machine has "
            f"{memory / 2**30:.0f} GiB; export where there is more, or train with larger voxels"
        )


def model_params(model: BEVFusion) -> dict[str, Any]:
    """What the node must know and only the model does, by the node's names; lengths in metres.

    class_names are the model's own; the export's configuration says what Autoware calls them. node_settings stand in
    the node's own parameter file, outside of the bundle: with others, it finds what was never evaluated.
    """
    return {
        "class_names": list(model.class_names),
        "point_cloud_range": list(model.point_cloud_range),
        "voxel_size": list(model.voxel_size),
        "num_proposals": model.head.queries,
        "out_size_factor": model.out_size_factor,
        "max_points_per_voxel": model.grid.max_points,
        "use_intensity": "intensity" in model.point_features,
        "node_settings": {
            "densification_num_past_frames": model.max_sweeps,
            "circle_nms_dist_threshold": model.head.nms_distance,
        },
    }
