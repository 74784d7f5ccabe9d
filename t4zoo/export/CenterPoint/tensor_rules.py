"""What Autoware's CenterPoint node (v4.1) demands of the two ONNX files, given the parameters beside them.

The node binds tensors by index and checks no names (centerpoint_trt.cpp, initTrt): a swapped pair of outputs with as
many channels would run and give nonsense, so here the names are part of the contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from t4zoo.export.CenterPoint.node_constants import ENCODER_TENSORS, HEAD_TENSORS, PILLAR_CHANNELS, POINTS_PER_PILLAR
from t4zoo.export.CenterPoint.parameters import ONNX_FILES
from t4zoo.export.finding import Finding
from t4zoo.export.node_grid import grid_size
from t4zoo.export.onnx_tensors import Shape, inferred, inputs, kind, load, outputs, shape


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
        loaded = load(folder / name)
        findings += [loaded] if isinstance(loaded, Finding) else check(name, loaded, model)
    return findings


def _encoder(file: str, network: onnx.ModelProto, model: dict[str, Any]) -> Iterator[Finding]:
    tensors = [*inputs(network), *outputs(network)]
    yield from _names(file, tensors, ENCODER_TENSORS)
    if len(tensors) == len(ENCODER_TENSORS):
        pillars, features = model["max_voxel_size"], model["encoder_in_feature_size"]
        (source, given), (target, _) = ((t.name, shape(t)) for t in tensors)
        wanted = (pillars, POINTS_PER_PILLAR, features)
        yield from _fits(file, source, given, wanted, "max_voxel_size, 32, encoder_in_feature_size")
        if not list(_fits(file, source, given, wanted, "")):
            made = inferred(network, {source: wanted})[target]
            flat = made[:1] + made[2:] if len(made) == 3 and made[1] == 1 else made
            if flat != (pillars, PILLAR_CHANNELS):
                problem = f"has shape {list(made)}, not [max_voxel_size, (1,) {PILLAR_CHANNELS}]"
                yield Finding(file, target, problem, f"train with {PILLAR_CHANNELS} channels a pillar")


def _head(file: str, network: onnx.ModelProto, model: dict[str, Any]) -> Iterator[Finding]:
    tensors = [*inputs(network), *outputs(network)]
    yield from _names(file, tensors, HEAD_TENSORS)
    if len(tensors) == len(HEAD_TENSORS):
        grid = grid_size(model["point_cloud_range"], model["voxel_size"])
        wanted = (1, PILLAR_CHANNELS, grid.y, grid.x)
        source, given = tensors[0].name, shape(tensors[0])
        yield from _fits(file, source, given, wanted, "1, 32, grid y, grid x")
        if not list(_fits(file, source, given, wanted, "")):
            yield from _outputs(file, inferred(network, {source: wanted}), tensors[1:], model, (grid.y, grid.x))


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


def _names(file: str, tensors: list[onnx.ValueInfoProto], wanted: tuple[str, ...]) -> Iterator[Finding]:
    names = tuple(tensor.name for tensor in tensors)
    if names != wanted:
        cure = f"the node binds {', '.join(wanted)} by index"
        yield Finding(file, "tensors", f"are {', '.join(names)} in this order", cure)
    for tensor in tensors:
        if kind(tensor) != "FLOAT":
            yield Finding(file, tensor.name, f"holds {kind(tensor)}", "the node's buffers are float32")


def _fits(file: str, name: str, given: Shape, wanted: tuple[int, ...], meaning: str) -> Iterator[Finding]:
    """Each dimension must be dynamic or equal what the node sets; the last dimension of features is a weight's size."""
    if len(given) != len(wanted) or any(isinstance(a, int) and a != b for a, b in zip(given, wanted, strict=True)):
        problem = f"takes {list(given)}, and the node sets {list(wanted)} ({meaning})"
        yield Finding(file, name, problem, "mend the parameters or export again")
