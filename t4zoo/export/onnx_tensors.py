"""The tensors of an ONNX file, as a node of Autoware meets them: names, types and shapes, without running it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from t4zoo.errors import in_one_line
from t4zoo.export.finding import Finding

EXPORT_AGAIN = "export the bundle again from the checkpoint"

Shape = tuple[int | str, ...]  # a name is a dynamic dimension


def load(path: Path) -> onnx.ModelProto | Finding:
    """The network, or why there is none."""
    if not path.is_file():
        return Finding(path.name, "file", "is missing", EXPORT_AGAIN)
    try:
        network = onnx.load(str(path), load_external_data=False)
        onnx.checker.check_model(network)
    except (DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = in_one_line(error)[:200]
        return Finding(path.name, "file", f"is no sound ONNX network ({reason})", EXPORT_AGAIN)
    return network


def inputs(network: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What has to be given, in the order in which a node counts it."""
    weights = {weight.name for weight in network.graph.initializer}
    return [tensor for tensor in network.graph.input if tensor.name not in weights]


def outputs(network: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What comes out, in the order in which a node counts it."""
    return list(network.graph.output)


def kind(tensor: onnx.ValueInfoProto) -> str:
    """What it holds: FLOAT, INT32 and so on."""
    return str(onnx.TensorProto.DataType.Name(tensor.type.tensor_type.elem_type))


def shape(tensor: onnx.ValueInfoProto) -> Shape:
    """Its dimensions, as the file declares them."""
    dims = tensor.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in dims)


def inferred(network: onnx.ModelProto, given: Mapping[str, tuple[int, ...]]) -> dict[str, Shape]:
    """The shape of every output when the inputs have the shapes `given` by name, found without running the network."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(network)
    for tensor in inputs(fixed):
        for dim, size in zip(tensor.type.tensor_type.shape.dim, given[tensor.name], strict=True):
            dim.dim_value = size
    del fixed.graph.value_info[:]
    for tensor in fixed.graph.output:
        tensor.type.tensor_type.ClearField("shape")
    try:
        fixed = onnx.shape_inference.infer_shapes(fixed, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError:
        return {tensor.name: ("impossible",) for tensor in fixed.graph.output}
    return {tensor.name: shape(tensor) for tensor in fixed.graph.output}
