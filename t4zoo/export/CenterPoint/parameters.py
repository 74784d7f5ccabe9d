"""The two parameter files of a bundle for Autoware's CenterPoint node (v4.1), from the config and the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from t4zoo.export import parameter_file
from t4zoo.export.bundle_config import Section, names_of

PACKAGE_FILE = "ml_package.param.yaml"
REMAPPER_FILE = "detection_class_remapper.param.yaml"
ONNX_FILES = {"encoder": "pts_voxel_encoder.onnx", "head": "pts_backbone_neck_head.onnx"}
BUNDLE_FILES = frozenset({PACKAGE_FILE, REMAPPER_FILE, *ONNX_FILES.values()})

# The order of autoware_perception_msgs/ObjectClassification, which both axes of the remapper's matrices are in.
OBJECT_CLASSES = ("UNKNOWN", "CAR", "TRUCK", "BUS", "TRAILER", "MOTORBIKE", "BICYCLE", "PEDESTRIAN")
ObjectClass = Literal["UNKNOWN", "CAR", "TRUCK", "BUS", "TRAILER", "MOTORBIKE", "BICYCLE", "PEDESTRIAN"]

_NODE = "The model was trained and evaluated with these of the node's own parameters, which no bundle holds:"
_MATRICES = f"Row: the class that is predicted; column: that is published. Both: {', '.join(OBJECT_CLASSES)}."


class ClassParameters(Section):
    """What the node needs to know about one class.

    name: Autoware's name of it. yaw_norm_threshold: least length of the predicted (sin, cos), in 0..1.
    min_confidence_scores: least score in each distance bin.
    """

    name: ObjectClass
    yaw_norm_threshold: float
    min_confidence_scores: tuple[float, ...]


class Remapping(Section):
    """Objects of class `origin` whose footprint lies between the areas [m^2] are published as class `to`."""

    origin: ObjectClass = Field(alias="from")
    to: ObjectClass
    min_area: float
    max_area: float


class NodeSettings(Section):
    """Parameters of the node's own, which no bundle holds, but with which its boxes are counted. Distances in [m]."""

    circle_nms_dist_threshold: float


class BundleConfig(Section):
    """conf/autoware/CenterPoint.yaml: everything in the bundle that the checkpoint does not know.

    distance_bin_upper_limits: ascending distances [m]; beyond the last one the node drops every object.
    classes: the model's class name -> its parameters. max_voxel_size: most pillars in a frame.
    """

    algorithm: Literal["CenterPoint"]
    version: str
    trt_precision: Literal["fp32", "fp16"]
    max_voxel_size: int
    has_twist: bool
    distance_bin_upper_limits: tuple[float, ...]
    classes: dict[str, ClassParameters]
    remapping: tuple[Remapping, ...]
    node: NodeSettings


def write_parameters(folder: Path, config: BundleConfig, model: Mapping[str, Any]) -> None:
    """Write the bundle's two parameter files into `folder`; `model` as in `ml_package`. Raises UsageError.

    model's node_settings, {name: value} of parameters that the bundle has no place for, are told in a comment.
    """
    parameter_file.write(folder / PACKAGE_FILE, ml_package(config, model), _NODE, model["node_settings"])
    parameter_file.write(folder / REMAPPER_FILE, class_remapper(config), _MATRICES)


def ml_package(config: BundleConfig, model: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of `ml_package.param.yaml`, in the order of the published file.

    model: what the checkpoint knows: class_names (the model's own), point_feature_size, point_cloud_range [m],
    voxel_size [m], downsample_factor, encoder_in_feature_size, has_variance.
    Raises UsageError when the config lacks one of the model's classes or gives two of them one name.
    """
    classes = _classes(config, model["class_names"])
    return {
        "version": config.version,
        "encoder_onnx_path": ONNX_FILES["encoder"],
        "encoder_engine_path": str(Path(ONNX_FILES["encoder"]).with_suffix(".engine")),
        "head_onnx_path": ONNX_FILES["head"],
        "head_engine_path": str(Path(ONNX_FILES["head"]).with_suffix(".engine")),
        "class_remapper_param_path": REMAPPER_FILE,
        "trt_precision": config.trt_precision,
        "model_params": {
            "class_names": [known.name for known in classes],
            "point_feature_size": int(model["point_feature_size"]),
            "max_voxel_size": config.max_voxel_size,
            "point_cloud_range": [float(value) for value in model["point_cloud_range"]],
            "voxel_size": [float(value) for value in model["voxel_size"]],
            "downsample_factor": int(model["downsample_factor"]),
            "encoder_in_feature_size": int(model["encoder_in_feature_size"]),
            "has_variance": bool(model["has_variance"]),
            "has_twist": config.has_twist,
            "yaw_norm_thresholds": [known.yaw_norm_threshold for known in classes],
            "detection_score_thresholds": {
                "distance_bin_upper_limits": list(config.distance_bin_upper_limits),
                "min_confidence_scores": {known.name: list(known.min_confidence_scores) for known in classes},
            },
        },
    }


def _classes(config: BundleConfig, names: list[str]) -> list[ClassParameters]:
    names_of(config.algorithm, {name: known.name for name, known in config.classes.items()}, names)
    return [config.classes[name] for name in names]


def class_remapper(config: BundleConfig) -> dict[str, Any]:
    """The three 8x8 matrices of the class remapper, row by row; row: from, column: to, both as `OBJECT_CLASSES`."""
    cells = {(OBJECT_CLASSES.index(rule.origin), OBJECT_CLASSES.index(rule.to)): rule for rule in config.remapping}
    every = [cells.get((row, column)) for row in range(len(OBJECT_CLASSES)) for column in range(len(OBJECT_CLASSES))]
    return {
        "allow_remapping_by_area_matrix": [int(rule is not None) for rule in every],
        "min_area_matrix": [rule.min_area if rule else 0.0 for rule in every],
        "max_area_matrix": [rule.max_area if rule else 0.0 for rule in every],
    }
