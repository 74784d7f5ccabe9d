"""The parameter file of a bundle for Autoware's BEVFusion node, from the config and a model that sees lidar alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from t4zoo.export import parameter_file
from t4zoo.export.BEVFusion.node_constants import CAMERAS
from t4zoo.export.bundle_config import Section, Suppression, names_of, require_one_each

PARAMETER_FILE = "ml_package_bevfusion_lidar.param.yaml"
ONNX_FILES = {"network": "bevfusion_lidar.onnx"}
BUNDLE_FILES = frozenset({PARAMETER_FILE, *ONNX_FILES.values()})

ObjectClass = Literal[
    "CAR", "TRUCK", "BUS", "TRAILER", "MOTORCYCLE", "BICYCLE", "PEDESTRIAN", "TRAFFIC_CONE", "BARRIER"
]
Bound = tuple[float, float, float]

_HEADER = """The model's parameters: `ml_package_param_path` of bevfusion.launch.xml, with model_name:=bevfusion_lidar.
The model was trained and evaluated with these of the node's own parameters, which this file must not hold:"""


class Bounds(Section):
    """Where the view transform of cameras looks: min, max and step [m]; the node demands them without cameras too."""

    d_bound: Bound
    x_bound: Bound
    y_bound: Bound
    z_bound: Bound


class NodeSettings(Suppression):
    """Parameters of the node's own, which no bundle holds, but with which its boxes are counted.

    yaw_norm_thresholds: least length of the predicted (sin, cos), in the order of the model's classes.
    distance_bin_upper_limits: ascending distances [m]; beyond the last one the node drops every object.
    min_confidence_scores: Autoware's name of a class -> least score in each bin.
    """

    yaw_norm_thresholds: tuple[float, ...]
    distance_bin_upper_limits: tuple[float, ...]
    min_confidence_scores: dict[ObjectClass, tuple[float, ...]]


class BundleConfig(Section):
    """conf/autoware/BEVFusion.yaml: everything in the bundle that the checkpoint does not know.

    voxels_num: fewest, usual and most voxels of a frame. classes: the model's class -> Autoware's name.
    """

    algorithm: Literal["BEVFusion"]
    voxels_num: tuple[int, int, int]
    classes: dict[str, ObjectClass]
    bounds: Bounds
    node: NodeSettings

    @model_validator(mode="after")
    def _scores_of_every_class(self) -> Self:
        bins, scores = len(self.node.distance_bin_upper_limits), self.node.min_confidence_scores
        lacking = [name for name in self.classes.values() if len(scores.get(name, ())) != bins]
        if lacking:
            raise ValueError(f"node.min_confidence_scores: give {bins} scores, one a bin, for {', '.join(lacking)}")
        return self


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
    num_proposals, out_size_factor, max_points_per_voxel, use_intensity.
    Raises UsageError when the config lacks one of the model's classes or gives two of them one name.
    """
    return {
        "class_names": names_of(config.algorithm, config.classes, list(model["class_names"])),
        "voxels_num": list(config.voxels_num),
        "point_cloud_range": [float(value) for value in model["point_cloud_range"]],
        "voxel_size": [float(value) for value in model["voxel_size"]],
        "num_proposals": int(model["num_proposals"]),
        "out_size_factor": int(model["out_size_factor"]),
        "max_points_per_voxel": int(model["max_points_per_voxel"]),
        "use_intensity": bool(model["use_intensity"]),
        **{name: list(bound) for name, bound in config.bounds},
        **CAMERAS,
    }
