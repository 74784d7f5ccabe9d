"""What Autoware's BEVFusion node demands of the parameter file of a model without cameras.

The JSON schema in contracts/ is published; the other rules are the node's own checks at start-up, the values that it
would replace in silence, and those with which it would write beyond its buffers (contracts/ORIGIN.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t4zoo.export.BEVFusion.node_constants import CAMERAS, OBJECT_CLASSES
from t4zoo.export.BEVFusion.parameters import PARAMETER_FILE
from t4zoo.export.finding import Finding
from t4zoo.export.node_grid import grid_problems, layer_count
from t4zoo.export.ros_rules import (
    VOXELS_NUM,
    Rule,
    check_rules,
    check_schema,
    check_types,
    is_range,
    is_size,
    read,
)

SCHEMA = "bevfusion_ml_package.schema.json"
BOUNDS = ("d_bound", "x_bound", "y_bound", "z_bound")
COUNTS = ("num_proposals", "out_size_factor", "max_points_per_voxel")

# The ROS 2 type of every parameter that the node declares. It gives no default, so that a missing one stops it.
TYPES = {
    "class_names": "string[]",
    "voxels_num": "integer[]",
    "point_cloud_range": "double[]",
    "voxel_size": "double[]",
    **dict.fromkeys(COUNTS, "integer"),
    "use_intensity": "bool",
    **dict.fromkeys(BOUNDS, "double[]"),
    **{name: "double" if isinstance(value, float) else "integer" for name, value in CAMERAS.items()},
}


def _none(name: str) -> Rule:
    return name, lambda p: not p[name], "write 0: the bundle has no network for images"


def _at_least_one(name: str) -> Rule:
    return name, lambda p: p[name] >= 1, "give at least 1"


def _three(name: str) -> Rule:
    return name, lambda p: len(p[name]) == 3, "give min, max and step: the node takes none of the bounds otherwise"


_RULES: tuple[Rule, ...] = (
    ("class_names", lambda p: 0 < len(p["class_names"]) == len(set(p["class_names"])), "name each class once"),
    (
        "class_names",
        lambda p: set(p["class_names"]) <= set(OBJECT_CLASSES),
        f"use {', '.join(OBJECT_CLASSES)}: the node publishes any other as UNKNOWN",
    ),
    *VOXELS_NUM,
    (
        "point_cloud_range",
        lambda p: is_range(p["point_cloud_range"]),
        "give x, y, z min, x, y, z max: the node stops for another length",
    ),
    ("voxel_size", lambda p: is_size(p["voxel_size"]), "give three positive sizes: the node stops for another length"),
    *map(_at_least_one, COUNTS),
    *map(_three, BOUNDS),
    *map(_none, CAMERAS),
)


def check_parameters(folder: Path) -> tuple[list[Finding], dict[str, Any] | None]:
    """Every finding in the parameter file, and what it holds where there is none."""
    parameters = read(folder / PARAMETER_FILE)
    if isinstance(parameters, Finding):
        return [parameters], None
    findings = check_types(PARAMETER_FILE, parameters, TYPES)
    findings = findings or check_rules(PARAMETER_FILE, parameters, _RULES)
    findings = findings or list(_grid(parameters))
    findings += check_schema(PARAMETER_FILE, SCHEMA, parameters, findings)
    return findings, None if findings else parameters


def _grid(parameters: dict[str, Any]) -> Iterator[Finding]:
    limits, voxel, factor = (parameters[key] for key in ("point_cloud_range", "voxel_size", "out_size_factor"))
    for key, problem, cure in grid_problems(limits, voxel, factor):
        yield Finding(PARAMETER_FILE, {"downsample_factor": "out_size_factor"}.get(key, key), problem, cure)
    layers, count = (limits[5] - limits[2]) / voxel[2], layer_count(limits, voxel)
    if abs(layers - count) > 1e-3:
        problem = f"{limits[2]} to {limits[5]} m in z is {layers:.6g} voxels, and the node makes {count}"
        yield Finding(PARAMETER_FILE, "voxel_size", problem, "choose a range of whole voxels")
