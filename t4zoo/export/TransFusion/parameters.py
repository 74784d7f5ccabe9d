"""The parameter file of a bundle for Autoware's TransFusion node (0.43), from the config and the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from t4zoo.export import parameter_file
from t4zoo.export.bundle_config import Section, Suppression, names_of, require_one_each

PARAMETER_FILE = "transfusion.param.yaml"
ONNX_FILES = {"network": "transfusion.onnx"}
BUNDLE_FILES = frozenset({PARAMETER_FILE, *ONNX_FILES.values()})

ObjectClass = Literal["CAR", "TRUCK", "BUS", "TRAILER", "MOTORCYCLE", "BICYCLE", "PEDESTRIAN"]

_HEADER = """The model's parameters: `ml_package_param_path` of lidar_transfusion.launch.xml.
The model was trained and evaluated with these of the node's own parameters, which this file must not hold:"""


class NodeSettings(Suppression):
    """Parameters of the node's own, which no bundle holds, but with which its boxes are counted.

    yaw_norm_thresholds: least length of the predicted (sin, cos), in the order of the model's classes.
    """

    score_threshold: float
    yaw_norm_thresholds: tuple[float, ...]


class BundleConfig(Section):
    """conf/autoware/TransFusion.yaml: everything in the bundle that the checkpoint does not know.

    voxels_num: fewest, usual and most pillars of a frame. classes: the model's class -> Autoware's name.
    """

    algorithm: Literal["TransFusion"]
    voxels_num: tuple[int, int, int]
    classes: dict[str, ObjectClass]
    node: NodeSettings


def write_parameters(folder: Path, config: BundleConfig, model: Mapping[str, Any]) -> None:
    """Write the bundle's parameter file into `folder`; `model` as in `ml_package`. Raises UsageError.

    model's node_settings, {name: value} of parameters that the bundle has no place for, are told in a comment.
    """
    norms = config.node.yaw_norm_thresholds
    require_one_each(config.algorithm, "node.yaw_norm_thresholds", norms, model["class_names"])
    parameter_file.write(folder / PARAMETER_FILE, ml_package(config, model), _HEADER, model["node_settings"])


def ml_package(config: BundleConfig, model: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the file, in the order of the published one.

    model: what the checkpoint knows: class_names (the model's own), point_cloud_range [m], voxel_size [m],
    num_proposals. Raises UsageError when the config lacks one of the model's classes or gives two of them one name.
    """
    return {
        "class_names": names_of(config.algorithm, config.classes, list(model["class_names"])),
        "voxels_num": list(config.voxels_num),
        "point_cloud_range": [float(value) for value in model["point_cloud_range"]],
        "voxel_size": [float(value) for value in model["voxel_size"]],
        "num_proposals": int(model["num_proposals"]),
    }
