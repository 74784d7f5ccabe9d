"""What a node of Autoware demands of an ONNX file whose tensors it looks up by their names.

It stops for another name, number of tensors or shape (validateNetworkIO of autoware_tensorrt_common).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from t4zoo.export.finding import Finding
from t4zoo.export.onnx_tensors import EXPORT_AGAIN, inferred, inputs, kind, load, outputs, shape


@dataclass(frozen=True)
class Tensors:
    """inputs: name -> the fixed dimensions behind the number of voxels, and the kind. outputs: name -> shape, kind.

    ordered: whether the node sets the sizes of the inputs by their order. cure: what to mend for another output.
    """

    inputs: Mapping[str, tuple[tuple[int, ...], str]]
    outputs: Mapping[str, tuple[tuple[int, ...], str]]
    ordered: bool
    cure: str


def check_named(path: Path, wanted: Tensors, voxels: int) -> list[Finding]:
    """Every finding in the network at `path`; voxels: the usual number of them."""
    network = load(path)
    if isinstance(network, Finding):
        return [network]
    found = list(_names(path.name, network, wanted))
    return found or [*_inputs(path.name, network, wanted), *_outputs(path.name, network, wanted, voxels)]


def _names(file: str, network: onnx.ModelProto, wanted: Tensors) -> Iterator[Finding]:
    given, made = [one.name for one in inputs(network)], [one.name for one in outputs(network)]
    if given != list(wanted.inputs) if wanted.ordered else sorted(given) != sorted(wanted.inputs):
        order = ", in this order" if wanted.ordered else ""
        yield Finding(file, "inputs", f"are {', '.join(given)}", f"the node wants {', '.join(wanted.inputs)}{order}")
    if sorted(made) != sorted(wanted.outputs):
        yield Finding(file, "outputs", f"are {', '.join(made)}", f"the node wants {', '.join(wanted.outputs)}")


def _inputs(file: str, network: onnx.ModelProto, wanted: Tensors) -> Iterator[Finding]:
    for tensor in inputs(network):
        fixed, held = wanted.inputs[tensor.name]
        if kind(tensor) != held:
            yield Finding(file, tensor.name, f"holds {kind(tensor)}", f"the node's buffer is {held.lower()}")
        given = shape(tensor)
        if given[1:] != fixed or not given or not isinstance(given[0], str):
            problem = f"takes {list(given)}, and the node checks for {['any number', *fixed]}"
            yield Finding(file, tensor.name, problem, EXPORT_AGAIN)


def _outputs(file: str, network: onnx.ModelProto, wanted: Tensors, voxels: int) -> Iterator[Finding]:
    sizes = {name: (voxels, *fixed) for name, (fixed, _) in wanted.inputs.items()}
    try:
        made = inferred(network, sizes)
    except ValueError:  # an input of another rank, which is a finding of its own
        return
    for tensor in outputs(network):
        expected, held = wanted.outputs[tensor.name]
        if kind(tensor) != held:
            yield Finding(file, tensor.name, f"holds {kind(tensor)}", f"the node's buffer is {held.lower()}")
        if made[tensor.name] != expected:
            problem = f"has shape {list(made[tensor.name])}, and the node checks for {list(expected)}"
            yield Finding(file, tensor.name, problem, wanted.cure)
