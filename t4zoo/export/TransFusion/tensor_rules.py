"""What Autoware's TransFusion node (0.43) demands of the ONNX file, given the parameters beside it.

It looks every tensor up by its name, and stops for another name, number of tensors or shape (network_trt.cpp,
validateNetworkIO); it sets the profiles of the inputs by their order (setProfile).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from t4zoo.export.finding import Finding
from t4zoo.export.named_tensors import Tensors, check_named
from t4zoo.export.TransFusion.node_constants import INPUTS, OUTPUTS
from t4zoo.export.TransFusion.parameters import ONNX_FILES


def tensors(parameters: dict[str, Any]) -> Tensors:
    """What the node binds for these parameters."""
    made = {name: ((1, rows, parameters["num_proposals"]), "FLOAT") for name, rows in OUTPUTS.items()}
    return Tensors(INPUTS, made, ordered=True, cure="mend class_names or num_proposals, or export again")


def check_tensors(folder: Path, parameters: dict[str, Any]) -> list[Finding]:
    """Every finding in the network; parameters: what the parameter rules found sound."""
    return check_named(folder / ONNX_FILES["network"], tensors(parameters), parameters["voxels_num"][1])
