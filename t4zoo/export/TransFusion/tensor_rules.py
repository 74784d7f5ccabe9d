"""What Autoware's TransFusion node (0.43) demands of the ONNX file, given the parameters beside it.

It looks every tensor up by its name, and stops for another name, number of tensors or shape (network_trt.cpp,
validateNetworkIO); it sets the profiles of the inputs by their order (setProfile).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from t4zoo.export.finding import Finding
from t4zoo.export.onnx_tensors import EXPORT_AGAIN, Shape, inferred, inputs, kind, load, outputs, shape
from t4zoo.export.TransFusion.node_constants import INPUTS, OUTPUTS
from t4zoo.export.TransFusion.parameters import ONNX_FILES

FILE = ONNX_FILES["network"]


def check_tensors(folder: Path, parameters: dict[str, Any]) -> list[Finding]:
    """Every finding in the network; parameters: what the parameter rules found sound."""
    network = load(folder / FILE)
    if isinstance(network, Finding):
        return [network]
    return list(_names(network)) or [*_inputs(network), *_outputs(network, parameters)]


def _names(network: onnx.ModelProto) -> Iterator[Finding]:
    given, made = [one.name for one in inputs(network)], [one.name for one in outputs(network)]
    if given != list(INPUTS):
        yield Finding(FILE, "inputs", f"are {', '.join(given)}", f"the node wants {', '.join(INPUTS)}, in this order")
    if sorted(made) != sorted(OUTPUTS):
        yield Finding(FILE, "outputs", f"are {', '.join(made)}", f"the node wants {', '.join(OUTPUTS)}")


def _inputs(network: onnx.ModelProto) -> Iterator[Finding]:
    for tensor in inputs(network):
        fixed, wanted = INPUTS[tensor.name]
        if kind(tensor) != wanted:
            yield Finding(FILE, tensor.name, f"holds {kind(tensor)}", f"the node's buffer is {wanted.lower()}")
        given = shape(tensor)
        if given[1:] != fixed or not given or not isinstance(given[0], str):
            problem = f"takes {list(given)}, and the node checks for {['any number', *fixed]}"
            yield Finding(FILE, tensor.name, problem, EXPORT_AGAIN)


def _outputs(network: onnx.ModelProto, parameters: dict[str, Any]) -> Iterator[Finding]:
    sizes = {name: (parameters["voxels_num"][1], *fixed) for name, (fixed, _) in INPUTS.items()}
    try:
        made = inferred(network, sizes)
    except ValueError:  # an input of another rank, which is a finding of its own
        return
    for tensor in outputs(network):
        if kind(tensor) != "FLOAT":
            yield Finding(FILE, tensor.name, f"holds {kind(tensor)}", "the node's buffers are float32")
        wanted: Shape = (1, OUTPUTS[tensor.name], parameters["num_proposals"])
        if made[tensor.name] != wanted:
            problem = f"has shape {list(made[tensor.name])}, and the node checks for {list(wanted)}"
            yield Finding(FILE, tensor.name, problem, "mend class_names or num_proposals, or export again")
