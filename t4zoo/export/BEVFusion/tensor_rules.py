"""What Autoware's BEVFusion node demands of the ONNX file of a model without cameras, given the parameters beside it.

It looks every tensor up by its name, whatever the order (bevfusion_trt.cpp, initTrt).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from t4zoo.export.BEVFusion.node_constants import BOX_VALUES, GRID_AXES, POINT_FEATURES
from t4zoo.export.BEVFusion.parameters import ONNX_FILES
from t4zoo.export.finding import Finding
from t4zoo.export.named_tensors import Tensors, check_named


def tensors(parameters: dict[str, Any]) -> Tensors:
    """What the node binds for these parameters."""
    queries = parameters["num_proposals"]
    points = (parameters["max_points_per_voxel"], POINT_FEATURES[parameters["use_intensity"]])
    return Tensors(
        inputs={
            "voxels": (points, "FLOAT"),
            "num_points_per_voxel": ((), "INT32"),
            "coors": ((GRID_AXES,), "INT32"),
        },
        outputs={
            "bbox_pred": ((BOX_VALUES, queries), "FLOAT"),
            "score": ((queries,), "FLOAT"),
            "label_pred": ((queries,), "INT64"),
        },
        ordered=False,
        cure="mend num_proposals, or export again",
    )


def check_tensors(folder: Path, parameters: dict[str, Any]) -> list[Finding]:
    """Every finding in the network; parameters: what the parameter rules found sound."""
    return check_named(folder / ONNX_FILES["network"], tensors(parameters), parameters["voxels_num"][1])
