"""What Autoware's CenterPoint node (v4.1) demands of a bundle's parameter files, before it looks at a network.

The JSON schemas in contracts/ are published; the other rules are the node's own checks at start-up, and the values
that it would replace in silence. contracts/ORIGIN.md names the files and commits they were read from.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t4zoo.export.CenterPoint.node_constants import POINT_FEATURES
from t4zoo.export.CenterPoint.parameters import OBJECT_CLASSES, PACKAGE_FILE, REMAPPER_FILE
from t4zoo.export.finding import Finding
from t4zoo.export.node_grid import grid_problems
from t4zoo.export.ros_rules import Rule, check_rules, check_schema, check_type, check_types, is_range, is_size, read

# The ROS 2 type of every parameter that the node declares. It gives no default, so that a missing one stops it.
PACKAGE_TYPES = {
    "version": "string",
    "encoder_onnx_path": "string",
    "encoder_engine_path": "string",
    "head_onnx_path": "string",
    "head_engine_path": "string",
    "class_remapper_param_path": "string",
    "trt_precision": "string",
    "model_params.class_names": "string[]",
    "model_params.point_feature_size": "integer",
    "model_params.max_voxel_size": "integer",
    "model_params.point_cloud_range": "double[]",
    "model_params.voxel_size": "double[]",
    "model_params.downsample_factor": "integer",
    "model_params.encoder_in_feature_size": "integer",
    "model_params.has_variance": "bool",
    "model_params.has_twist": "bool",
    "model_params.yaw_norm_thresholds": "double[]",
    "model_params.detection_score_thresholds.distance_bin_upper_limits": "double[]",
}
REMAPPER_TYPES = {
    "allow_remapping_by_area_matrix": "integer[]",
    "min_area_matrix": "double[]",
    "max_area_matrix": "double[]",
}
SCORES = "model_params.detection_score_thresholds.min_confidence_scores"

_UNIT = "stay in [0.0, 1.0): the node replaces any other by 0.0"


def check_package(folder: Path) -> tuple[list[Finding], dict[str, Any] | None]:
    """Every finding in `ml_package.param.yaml`, and its `model_params` where there is none."""
    parameters = read(folder / PACKAGE_FILE)
    if isinstance(parameters, Finding):
        return [parameters], None
    findings = check_types(PACKAGE_FILE, parameters, PACKAGE_TYPES)
    found = {finding.key for finding in findings}
    if not any(key.startswith("model_params") for key in found):
        findings += [*_class_scores(parameters["model_params"]), *_values(parameters["model_params"])]
    findings += [] if "version" in found else _version(parameters["version"])
    findings += [] if "class_remapper_param_path" in found else _remapper_exists(folder, parameters)
    findings += check_schema(PACKAGE_FILE, "centerpoint_ml_package_v4.1.schema.json", parameters, findings)
    return findings, None if findings else parameters["model_params"]


def check_remapper(folder: Path) -> list[Finding]:
    """Every finding in `detection_class_remapper.param.yaml`."""
    parameters = read(folder / REMAPPER_FILE)
    if isinstance(parameters, Finding):
        return [parameters]
    findings = check_types(REMAPPER_FILE, parameters, REMAPPER_TYPES)
    findings += check_schema(REMAPPER_FILE, "detection_class_remapper.schema.json", parameters, findings)
    return findings or [
        Finding(REMAPPER_FILE, f"{origin} to {to}", f"{problem} ({allow}, {low} to {high} m^2)", cure)
        for (origin, to), allow, low, high in zip(
            itertools.product(OBJECT_CLASSES, repeat=2), *(parameters[key] for key in REMAPPER_TYPES), strict=True
        )
        for problem, cure in _area(allow, low, high)
    ]


def _area(allow: int, low: float, high: float) -> Iterator[tuple[str, str]]:
    if allow not in (0, 1):
        yield "allow_remapping_by_area_matrix is neither 0 nor 1", "write 1 to allow it"
    if allow and not 0 <= low < high:
        yield "the areas leave no room", "give a min_area below the max_area, both at least 0.0"


def _version(version: str) -> Iterator[Finding]:
    match = re.fullmatch(r"v?(\d+)\.(\d+)", version)
    if not match:
        yield Finding(PACKAGE_FILE, "version", f"{version!r} is not <major>.<minor>", "write v4.1")
    elif (int(match[1]), int(match[2]) >= 1) != (4, True):
        yield Finding(PACKAGE_FILE, "version", f"the node does not read {version!r}", "write v4.1 or a later v4 minor")


def _remapper_exists(folder: Path, parameters: dict[str, Any]) -> Iterator[Finding]:
    name = parameters["class_remapper_param_path"]
    if name != REMAPPER_FILE or not (folder / name).is_file():
        cure = f"name {REMAPPER_FILE} and put it beside this file"
        yield Finding(PACKAGE_FILE, "class_remapper_param_path", f"{name!r} is not in the bundle", cure)


def _class_scores(model: dict[str, Any]) -> Iterator[Finding]:
    thresholds = model["detection_score_thresholds"]
    bins = len(thresholds["distance_bin_upper_limits"])
    for name in model["class_names"]:
        key = f"{SCORES}.{name}"
        kind = list(check_type(PACKAGE_FILE, {"model_params": model}, key, "double[]"))
        scores = [] if kind else thresholds["min_confidence_scores"][name]
        yield from kind
        if not kind and len(scores) != bins:
            yield Finding(PACKAGE_FILE, key, f"{len(scores)} scores for {bins} distance bins", "give one a bin")
        if any(not 0.0 <= score < 1.0 for score in scores):
            yield Finding(PACKAGE_FILE, key, f"{scores} leaves 0..1", _UNIT)


_RULES: tuple[Rule, ...] = (
    ("class_names", lambda m: 0 < len(m["class_names"]) == len(set(m["class_names"])), "name each class once"),
    (
        "class_names",
        lambda m: set(m["class_names"]) <= set(OBJECT_CLASSES),
        f"use {', '.join(OBJECT_CLASSES)}: the node publishes any other as UNKNOWN",
    ),
    ("max_voxel_size", lambda m: m["max_voxel_size"] >= 1, "give at least 1"),
    ("downsample_factor", lambda m: m["downsample_factor"] >= 1, "give at least 1"),
    (
        "point_cloud_range",
        lambda m: is_range(m["point_cloud_range"]),
        "give x, y, z min, x, y, z max: the node takes its own default for another length",
    ),
    (
        "voxel_size",
        lambda m: is_size(m["voxel_size"]),
        "give three positive sizes: the node takes its own default for another length",
    ),
    ("encoder_in_feature_size", lambda m: m["encoder_in_feature_size"] in POINT_FEATURES, "the node makes 9, 10 or 11"),
    (
        "point_feature_size",
        lambda m: m["point_feature_size"] == POINT_FEATURES.get(m["encoder_in_feature_size"], m["point_feature_size"]),
        "give 4 (x, y, z, lag) with 9 or 10 encoder features, and 5 (with intensity) with 11",
    ),
    (
        "yaw_norm_thresholds",
        lambda m: len(m["yaw_norm_thresholds"]) == len(m["class_names"]),
        "give one for each of class_names, in its order",
    ),
    (
        "yaw_norm_thresholds",
        lambda m: all(0.0 <= value < 1.0 for value in m["yaw_norm_thresholds"]),
        _UNIT,
    ),
)


def _values(model: dict[str, Any]) -> Iterator[Finding]:
    broken = check_rules(PACKAGE_FILE, model, _RULES, "model_params.")
    yield from broken
    bins = model["detection_score_thresholds"]["distance_bin_upper_limits"]
    if not bins or bins[0] <= 0.0 or any(a >= b for a, b in itertools.pairwise(bins)):
        key = "model_params.detection_score_thresholds.distance_bin_upper_limits"
        yield Finding(PACKAGE_FILE, key, f"{bins} is empty or not ascending", "list distances [m] from near to far")
    if not broken:
        yield from _grid(model)


def _grid(model: dict[str, Any]) -> Iterator[Finding]:
    problems = grid_problems(model["point_cloud_range"], model["voxel_size"], model["downsample_factor"])
    yield from (Finding(PACKAGE_FILE, f"model_params.{key}", problem, cure) for key, problem, cure in problems)
