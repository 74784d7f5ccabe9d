"""What Autoware's CenterPoint node (v4.1) demands of the two ONNX files, given the parameters beside them.

The node binds tensors by index and checks no names (centerpoint_trt.cpp, initTrt): a swapped pair of outputs with as
many channels would run and give nonsense, so here the names are part of the contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from t4zoo.export.autoware import ONNX_FILES
from t4zoo.export.finding import Finding
from t4zoo.export.node_constants import ENCODER_TENSORS, HEAD_TENSORS, PILLAR_CHANNELS, POINTS_PER_PILLAR, grid_size

_EXPORT_AGAIN = "export the bundle again from the checkpoint"

Shape = tuple[int | str, ...]  # a name is a dynamic dimension


def head_channels(model: dict[str, Any]) -> dict[str, int]:
    """Channels of each head output in the node's order; twice as many where the model predicts variances."""
    each = 2 if model["has_variance"] else 1
    boxes = {"reg": 2, "height": 1, "dim": 3, "rot": 2, "vel": 2}
    return {"heatmap": len(model["class_names"]), **{name: each * count for name, count in boxes.items()}}


def check_tensors(folder: Path, model: dict[str, Any]) -> list[Finding]:
    """Every finding in the two networks; model: the `model_params` that the parameter rules found sound."""
    findings: list[Finding] = []
    for role, check in (("encoder", _encoder), ("head", _head)):
        name = ONNX_FILES[role]
        loaded = _load(folder / name)
        findings += [loaded] if isinstance(loaded, Finding) else check(name, loaded, model)
    return findings


def _load(path: Path) -> onnx.ModelProto | Finding:
    if not path.is_file():
        return Finding(path.name, "file", "is missing", _EXPORT_AGAIN)
    try:
        network = onnx.load(str(path), load_external_data=False)
        onnx.checker.check_model(network)
    except (DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:200]
        return Finding(path.name, "file", f"is no sound ONNX network ({reason})", _EXPORT_AGAIN)
    return network


def _encoder(file: str, network: onnx.ModelProto, model: dict[str, Any]) -> Iterator[Finding]:
    tensors = list(_tensors(network))
    yield from _names(file, tensors, ENCODER_TENSORS)
    if len(tensors) == len(ENCODER_TENSORS):
        pillars, features = model["max_voxel_size"], model["encoder_in_feature_size"]
        (source, given), (target, _) = ((t.name, _shape(t)) for t in tensors)
        wanted = (pillars, POINTS_PER_PILLAR, features)
        yield from _fits(file, source, given, wanted, "max_voxel_size, 32, encoder_in_feature_size")
        if not list(_fits(file, source, given, wanted, "")):
            made = _inferred(network, wanted)[target]
            flat = made[:1] + made[2:] if len(made) == 3 and made[1] == 1 else made
            if flat != (pillars, PILLAR_CHANNELS):
                problem = f"has shape {list(made)}, not [max_voxel_size, (1,) {PILLAR_CHANNELS}]"
                yield Finding(file, target, problem, f"train with {PILLAR_CHANNELS} channels a pillar")


def _head(file: str, network: onnx.ModelProto, model: dict[str, Any]) -> Iterator[Finding]:
    tensors = list(_tensors(network))
    yield from _names(file, tensors, HEAD_TENSORS)
    if len(tensors) == len(HEAD_TENSORS):
        grid = grid_size(model["point_cloud_range"], model["voxel_size"])
        wanted = (1, PILLAR_CHANNELS, grid.y, grid.x)
        source, given = tensors[0].name, _shape(tensors[0])
        yield from _fits(file, source, given, wanted, "1, 32, grid y, grid x")
        if not list(_fits(file, source, given, wanted, "")):
            yield from _outputs(file, _inferred(network, wanted), tensors[1:], model, (grid.y, grid.x))


def _outputs(
    file: str, made: dict[str, Shape], tensors: list[onnx.ValueInfoProto], model: dict[str, Any], grid: tuple[int, int]
) -> Iterator[Finding]:
    factor = model["downsample_factor"]
    for tensor, (name, channels) in zip(tensors, head_channels(model).items(), strict=True):
        wanted = (1, channels, grid[0] // factor, grid[1] // factor)
        if made[tensor.name] != wanted:
            problem = f"has shape {list(made[tensor.name])}, and the parameters say {list(wanted)} for {name}"
            cure = "mend class_names, has_variance, the range or downsample_factor, or export again"
            yield Finding(file, tensor.name, problem, cure)


def _tensors(network: onnx.ModelProto) -> Iterator[onnx.ValueInfoProto]:
    """Inputs, then outputs, in the order that the node binds them."""
    weights = {weight.name for weight in network.graph.initializer}
    yield from (tensor for tensor in network.graph.input if tensor.name not in weights)
    yield from network.graph.output


def _names(file: str, tensors: list[onnx.ValueInfoProto], wanted: tuple[str, ...]) -> Iterator[Finding]:
    names = tuple(tensor.name for tensor in tensors)
    if names != wanted:
        cure = f"the node binds {', '.join(wanted)} by index"
        yield Finding(file, "tensors", f"are {', '.join(names)} in this order", cure)
    for tensor in tensors:
        kind = tensor.type.tensor_type.elem_type
        if kind != onnx.TensorProto.FLOAT:
            held = onnx.TensorProto.DataType.Name(kind)
            yield Finding(file, tensor.name, f"holds {held}", "the node's buffers are float32")


def _shape(tensor: onnx.ValueInfoProto) -> Shape:
    dims = tensor.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in dims)


def _fits(file: str, name: str, given: Shape, wanted: tuple[int, ...], meaning: str) -> Iterator[Finding]:
    """Each dimension must be dynamic or equal what the node sets; the last dimension of features is a weight's size."""
    if len(given) != len(wanted) or any(isinstance(a, int) and a != b for a, b in zip(given, wanted, strict=True)):
        problem = f"takes {list(given)}, and the node sets {list(wanted)} ({meaning})"
        yield Finding(file, name, problem, "mend the parameters or export again")


def _inferred(network: onnx.ModelProto, input_shape: tuple[int, ...]) -> dict[str, Shape]:
    """The shape of every output when the one input has `input_shape`, found without running the network."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(network)
    weights = {weight.name for weight in fixed.graph.initializer}
    for tensor in (tensor for tensor in fixed.graph.input if tensor.name not in weights):
        for dim, size in zip(tensor.type.tensor_type.shape.dim, input_shape, strict=True):
            dim.dim_value = size
    del fixed.graph.value_info[:]
    for tensor in fixed.graph.output:
        tensor.type.tensor_type.ClearField("shape")
    try:
        fixed = onnx.shape_inference.infer_shapes(fixed, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError:
        return {tensor.name: ("impossible",) for tensor in fixed.graph.output}
    return {tensor.name: _shape(tensor) for tensor in fixed.graph.output}
