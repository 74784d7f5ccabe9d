"""TransFusion in the form in which Autoware's node runs it: one network, and what the node must know of it.

The head already learns the node's own numbers (see `coder`), so that nothing is turned or swapped here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from t4zoo.models.common.detector import likeliest_boxes as likeliest_boxes
from t4zoo.models.common.part import Part
from t4zoo.models.TransFusion.network import MAX_POINTS, POINT_FEATURES, TransFusion

_PILLARS = 8  # of the example; any number would do


class Network(nn.Module):
    """Pillars of one cloud -> what its queries say."""

    def __init__(self, model: TransFusion) -> None:
        super().__init__()
        self.model = model

    def forward(self, voxels: Tensor, num_points: Tensor, coors: Tensor) -> tuple[Tensor, ...]:
        """cls_score0 (1, classes, P), bbox_pred0 (1, 8, P) and dir_cls_pred0 (1, 2, P).

        voxels: (V, 20, 5), zero rows where a pillar has fewer points. num_points: (V,). coors: (V, 4) as (0, 0, y, x).
        bbox_pred0: centre [cells], height [m], logarithms of l, w, h [m], velocity [m/s]. dir_cls_pred0: sin, cos.
        """
        cells = coors.long()[:, [0, 2, 3]]
        encoded = self.model.encoder.forward_padded(self.decorate(voxels, num_points, cells))
        found = self.model.dense(self.canvas(encoded[:, 0], cells))
        classes = torch.arange(len(self.model.class_names), device=voxels.device)
        chosen = (found.labels[..., None] == classes).to(voxels.dtype)
        boxes = torch.cat([found.numbers[..., :6], found.numbers[..., 8:]], dim=2)
        outputs = (chosen * found.logits.sigmoid() * found.heat[..., None], boxes, found.numbers[..., 6:8])
        return tuple(one.transpose(1, 2) for one in outputs)

    def canvas(self, encoded: Tensor, cells: Tensor) -> Tensor:
        """(1, C, H, W): `spread` of one cloud, as the one assignment for which every engine has an operation."""
        (rows, columns), channels = self.model.grid.shape, self.model.encoder.out_channels
        # Its size from a tensor's: of plain numbers, the file would hold the zeros themselves, 150 MB at full size.
        canvas = encoded.new_zeros(rows * columns, encoded.shape[1])
        canvas = canvas.index_put((cells[:, 1] * columns + cells[:, 2],), encoded)
        return canvas.reshape(1, rows, columns, channels).permute(0, 3, 1, 2)

    def decorate(self, voxels: Tensor, num_points: Tensor, cells: Tensor) -> Tensor:
        """(V, 20, 11): `PillarGrid.decorate` of padded pillars, zero rows where there are no points."""
        position, counts = voxels[..., :3], num_points[:, None].to(voxels.dtype)
        mean = position.sum(dim=1) / counts  # padding rows are zeros, and add nothing
        centre = self.model.grid.centres(cells)
        features = torch.cat([voxels, position - mean[:, None], position - centre[:, None]], dim=2)
        held = torch.arange(MAX_POINTS, device=voxels.device)[None] < num_points[:, None]
        return features * held[..., None].to(voxels.dtype)


def exported(network: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the network that is exported instead of the one with these: the same."""
    return dict(network)


def parts(model: TransFusion) -> tuple[Part, ...]:
    """The one `network` of a trained model, on its device; it shares the model's weights."""
    device = next(model.parameters()).device
    names = ("voxels", "num_points", "coors")
    return (
        Part(
            role="network",
            module=Network(model).eval(),
            examples=(
                torch.ones(_PILLARS, MAX_POINTS, len(POINT_FEATURES), device=device),
                torch.ones(_PILLARS, dtype=torch.int32, device=device),
                torch.arange(4 * _PILLARS, dtype=torch.int32, device=device).reshape(_PILLARS, 4) % 4,
            ),
            inputs=names,
            outputs=("cls_score0", "bbox_pred0", "dir_cls_pred0"),
            dynamic={name: {0: "voxels_num"} for name in names},
        ),
    )


def model_params(model: TransFusion) -> dict[str, Any]:
    """What the node must know and only the model does, by the node's names; lengths in metres.

    class_names are the model's own; the export's configuration says what Autoware calls them. node_settings stand in
    the node's own parameter file, outside of the bundle: with others, it finds what was never evaluated.
    """
    return {
        "class_names": list(model.class_names),
        "point_cloud_range": list(model.point_cloud_range),
        "voxel_size": list(model.voxel_size),
        "num_proposals": model.head.queries,
        "node_settings": {
            "densification_num_past_frames": model.max_sweeps,
            "circle_nms_dist_threshold": model.head.nms_distance,
        },
    }
