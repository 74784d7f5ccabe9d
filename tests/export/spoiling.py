"""Ways to spoil the network of an exported bundle, which its node would meet at start-up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, helper


def rewrite(file: Path, spoil: Callable[[onnx.ModelProto], None]) -> None:
    network = onnx.load(file)
    spoil(network)
    onnx.save(network, file)


def renamed(network: onnx.ModelProto, old: str, new: str) -> None:
    for node in network.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for tensor in (*network.graph.input, *network.graph.output):
        tensor.name = new if tensor.name == old else tensor.name


def swap_inputs(network: onnx.ModelProto) -> None:
    first, second, third = list(network.graph.input)
    del network.graph.input[:]
    network.graph.input.extend([second, first, third])


def turn_outputs(network: onnx.ModelProto) -> None:
    outputs = list(network.graph.output)[::-1]
    del network.graph.output[:]
    network.graph.output.extend(outputs)


def widen(network: onnx.ModelProto, name: str) -> None:
    """The input takes int64, of which the network makes the int32 that it wants."""
    renamed(network, name, "narrow")
    [tensor] = [one for one in network.graph.input if one.name == "narrow"]
    tensor.name, tensor.type.tensor_type.elem_type = name, TensorProto.INT64
    network.graph.node.insert(0, helper.make_node("Cast", [name], ["narrow"], to=TensorProto.INT32))


def resize(network: onnx.ModelProto, name: str, dimension: int, size: int) -> None:
    [tensor] = [one for one in network.graph.input if one.name == name]
    tensor.type.tensor_type.shape.dim[dimension].dim_value = size
