"""What all detectors are: a bird's-eye canvas drawn from the points, a backbone, a neck and a head."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from t4zoo.errors import UsageError
from t4zoo.models.common.boxes import Boxes
from t4zoo.models.common.together import mean_of_all


class Detector(BaseModel):
    """A detector of boxes in a lidar cloud. An algorithm gives it `backbone`, `neck`, `head` and `canvas`.

    class_names: of the labels, in order. point_cloud_range: x, y, z min, x, y, z max [m]. voxel_size: x, y, z [m].
    point_features: columns of a point. max_sweeps: earlier clouds that a frame holds.
    """

    class_weights: tuple[str, ...]  # names of the weights that have a row a class
    remarks: tuple[str, ...] = ()  # what the log of a training has to say of the network
    backbone: nn.Module
    neck: nn.Module
    head: Any  # has `loss`, `predict` and `score_threshold`

    def __init__(
        self,
        class_names: Sequence[str],
        point_cloud_range: Sequence[float],
        voxel_size: Sequence[float],
        point_features: Sequence[str],
        max_sweeps: int,
        data_preprocessor: Any,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.class_names, self.point_features = tuple(class_names), tuple(point_features)
        self.point_cloud_range = tuple(float(value) for value in point_cloud_range)
        self.voxel_size = tuple(float(value) for value in voxel_size)
        self.max_sweeps = max_sweeps
        check_grid(self.point_cloud_range, self.voxel_size, axes="xy")

    def forward(self, inputs: Sequence[Tensor], data_samples: Sequence[Any] | None = None, mode: str = "tensor") -> Any:
        """What mmengine calls: `loss` -> named losses, `predict` -> list of `Boxes`, `tensor` -> what the head says.

        inputs: (N, F) clouds in metres and lidar coordinates. data_samples: see the head's `loss`.
        """
        found = self.dense(self.canvas(inputs))
        if mode == "loss":
            return self.head.loss(found, data_samples or ())
        return self.head.predict(found) if mode == "predict" else found

    @torch.no_grad()
    def predict(self, clouds: Sequence[Tensor]) -> list[Boxes]:
        """The boxes of each (N, F) cloud; the model should be in evaluation mode."""
        return self.forward(clouds, mode="predict")

    def parse_losses(self, losses: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """What mmengine calls: this process's loss, whose gradients are averaged, and of each loss that of all."""
        loss, told = super().parse_losses(losses)
        return loss, dict(zip(told, mean_of_all(torch.stack(list(told.values()))).unbind(), strict=True))

    def canvas(self, clouds: Sequence[Tensor]) -> Tensor:
        """(B, C, H, W) of the clouds, H along y and W along x: each algorithm draws its own."""
        raise NotImplementedError

    def dense(self, canvas: Tensor) -> Any:
        """Backbone, neck and head."""
        return self.head(self.neck(self.backbone(canvas)))


@torch.no_grad()
def likeliest_boxes(model: Detector, cloud: Tensor) -> Boxes:
    """What `model.predict` finds in a (N, F) cloud, had it no score threshold: a weak model can be compared too."""
    head = copy.copy(model.head)
    head.score_threshold = 0.0
    return head.predict(model([cloud]))[0]


def check_grid(point_cloud_range: Sequence[float], voxel_size: Sequence[float], axes: str) -> None:
    """Raise UsageError for lengths that are none, or that give no whole number of voxels along one of `axes`.

    Points beyond the last whole voxel would be learnt in it, and be dropped by Autoware's nodes.
    """
    low, high, said = point_cloud_range[:3], point_cloud_range[3:], list(point_cloud_range)
    if len(said) != 6 or not all(map(math.isfinite, said)) or any(a >= b for a, b in zip(low, high, strict=True)):
        raise UsageError(f"point_cloud_range is {said}; give x, y, z min, then x, y, z max [m]")
    if len(voxel_size) != 3 or not all(math.isfinite(size) and size > 0 for size in voxel_size):
        raise UsageError(f"voxel_size is {list(voxel_size)}; give three lengths above 0 [m], along x, y and z")
    for axis in axes:
        i = "xyz".index(axis)
        cells = (high[i] - low[i]) / voxel_size[i]
        if round(cells) < 1 or abs(cells - round(cells)) > 1e-3:
            raise UsageError(
                f"point_cloud_range holds {cells:.6g} voxels of {voxel_size[i]} m along {axis}; "
                "choose a range of whole voxels"
            )


def check_names(what: str, given: Iterable[str], names: Iterable[str]) -> None:
    """Raise UsageError unless the keys of `what` in conf/algorithm/ are `names`, in whatever order."""
    if sorted(given) != sorted(names):
        raise UsageError(f"{what} has {', '.join(given) or 'nothing'}; give one for each of {', '.join(names)}")


def check_divides(shape: Sequence[int], multiple: int, strides: Sequence[int]) -> None:
    """Raise UsageError for rows and columns of cells that are no multiple of `multiple`."""
    if any(cells % multiple for cells in shape):
        raise UsageError(
            f"point_cloud_range and voxel_size give {shape[0]} x {shape[1]} cells, which the backbone's strides "
            f"{list(strides)} do not divide evenly; choose a range of a multiple of {multiple} cells"
        )
