"""A bundle that Autoware's node would take, of networks that are as small as the contract allows: a few kilobytes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from t4zoo.export import by_algorithm
from t4zoo.export.bundle_config import bundle_config
from t4zoo.export.CenterPoint.parameters import ONNX_FILES, write_parameters
from t4zoo.export.CenterPoint.tensor_rules import head_channels
from t4zoo.export.named_tensors import Tensors
from tests.pipeline import ROOT

CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")
PILLARS, POINTS, FEATURES, CHANNELS, CELLS, FACTOR = 40000, 32, 9, 32, 64, 1


def write_bundle(folder: Path) -> None:
    """The four files; equal bytes whenever it is called."""
    folder.mkdir(parents=True)
    section = yaml.safe_load((ROOT / "conf/autoware/CenterPoint.yaml").read_text())
    half = CELLS * 0.5 / 2
    model = {
        "class_names": CLASSES,
        "point_feature_size": 4,
        "point_cloud_range": [-half, -half, -3.0, half, half, 5.0],
        "voxel_size": [0.5, 0.5, 8.0],
        "downsample_factor": FACTOR,
        "encoder_in_feature_size": FEATURES,
        "has_variance": False,
        "node_settings": {},
    }
    write_parameters(folder, bundle_config(section), model)
    onnx.save(_encoder(), str(folder / ONNX_FILES["encoder"]))
    onnx.save(_head(head_channels({**model, "class_names": CLASSES})), str(folder / ONNX_FILES["head"]))


def write_voxel_bundle(folder: Path, algorithm: str) -> None:
    """The two files of TransFusion or of BEVFusion; equal bytes whenever it is called."""
    folder.mkdir(parents=True)
    files, rules = by_algorithm.parameters(algorithm), import_module(f"t4zoo.export.{algorithm}.tensor_rules")
    config = bundle_config(yaml.safe_load((ROOT / f"conf/autoware/{algorithm}.yaml").read_text()))
    model = {
        "class_names": CLASSES,
        "point_cloud_range": [-16.0, -16.0, -3.0, 16.0, 16.0, 5.0],
        "voxel_size": [0.25, 0.25, 8.0],
        "num_proposals": 7,
        "out_size_factor": 4,
        "max_points_per_voxel": 10,
        "use_intensity": True,
        "node_settings": {},
    }
    files.write_parameters(folder, config, model)
    network = _constant(rules.tensors(files.ml_package(config, model)))
    onnx.save(network, str(folder / files.ONNX_FILES["network"]))


def _constant(tensors: Tensors) -> onnx.ModelProto:
    """Says the same of every cloud."""
    kinds = {"FLOAT": np.float32, "INT32": np.int32, "INT64": np.int64}
    given = [
        helper.make_tensor_value_info(name, getattr(TensorProto, kind), ["voxels", *fixed])
        for name, (fixed, kind) in tensors.inputs.items()
    ]
    made = [
        helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)
        for name, (shape, kind) in tensors.outputs.items()
    ]
    nodes = [helper.make_node("Identity", [f"{name}_said"], [name]) for name in tensors.outputs]
    said = {f"{name}_said": np.ones(shape, kinds[kind]) for name, (shape, kind) in tensors.outputs.items()}
    return _network(nodes, given, made, said)


def _encoder() -> onnx.ModelProto:
    """Every point through one matrix, the greatest of each pillar."""
    nodes = [
        helper.make_node("MatMul", ["input_features", "weight"], ["points"]),
        helper.make_node("ReduceMax", ["points"], ["pillar_features"], axes=[1], keepdims=1),
    ]
    tensors = [_tensor("input_features", ["n", POINTS, FEATURES]), _tensor("pillar_features", ["n", 1, CHANNELS])]
    return _network(nodes, tensors[:1], tensors[1:], {"weight": np.eye(FEATURES, CHANNELS, dtype=np.float32)})


def _head(channels: dict[str, int]) -> onnx.ModelProto:
    """A convolution of one cell an output."""
    nodes = [helper.make_node("Conv", ["spatial_features", f"{name}_weight"], [name]) for name in channels]
    weights = {f"{name}_weight": np.ones((count, CHANNELS, 1, 1), np.float32) for name, count in channels.items()}
    given = [_tensor("spatial_features", [1, CHANNELS, CELLS, CELLS])]
    return _network(
        nodes, given, [_tensor(name, [1, count, CELLS, CELLS]) for name, count in channels.items()], weights
    )


def _network(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: dict[str, np.ndarray],
) -> onnx.ModelProto:
    stored = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _tensor(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
