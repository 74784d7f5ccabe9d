"""What Autoware's TransFusion node (0.43) demands of the parameter file, before it looks at the network.

The JSON schema in contracts/ is published; the other rules are the node's own checks at start-up, the values that it
would replace in silence, and those with which it would write beyond its buffers (contracts/ORIGIN.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t4zoo.export.finding import Finding
from t4zoo.export.node_grid import grid_problems, layer_count
from t4zoo.export.ros_rules import VOXELS_NUM, Rule, check_rules, check_schema, check_types, is_range, is_size, read
from t4zoo.export.TransFusion.node_constants import CELL, CLASSES, OBJECT_CLASSES
from t4zoo.export.TransFusion.parameters import PARAMETER_FILE

SCHEMA = "transfusion_ml_package.schema.json"

# The ROS 2 type of every parameter that the node declares. It gives no default, so that a missing one stops it.
TYPES = {
    "class_names": "string[]",
    "voxels_num": "integer[]",
    "point_cloud_range": "double[]",
    "voxel_size": "double[]",
    "num_proposals": "integer",
}

_RULES: tuple[Rule, ...] = (
    (
        "class_names",
        lambda p: len(p["class_names"]) == CLASSES,
        f"the node's buffers are for {CLASSES} classes; train for {CLASSES}",
    ),
    ("class_names", lambda p: len(set(p["class_names"])) == len(p["class_names"]), "name each class once"),
    (
        "class_names",
        lambda p: set(p["class_names"]) <= set(OBJECT_CLASSES),
        f"use {', '.join(OBJECT_CLASSES)}: the node publishes any other as UNKNOWN",
    ),
    *VOXELS_NUM,
    (
        "point_cloud_range",
        lambda p: is_range(p["point_cloud_range"]),
        "give x, y, z min, x, y, z max: the node takes its own default for another length",
    ),
    (
        "voxel_size",
        lambda p: is_size(p["voxel_size"]),
        "give three positive sizes: the node takes its own default for another length",
    ),
    ("num_proposals", lambda p: p["num_proposals"] >= 1, "give at least 1: the node takes its own default for 0"),
)


def check_parameters(folder: Path) -> tuple[list[Finding], dict[str, Any] | None]:
    """Every finding in `transfusion.param.yaml`, and what it holds where there is none."""
    parameters = read(folder / PARAMETER_FILE)
    if isinstance(parameters, Finding):
        return [parameters], None
    findings = check_types(PARAMETER_FILE, parameters, TYPES)
    findings = findings or check_rules(PARAMETER_FILE, parameters, _RULES)
    findings = findings or list(_grid(parameters["point_cloud_range"], parameters["voxel_size"]))
    findings += check_schema(PARAMETER_FILE, SCHEMA, parameters, findings)
    return findings, None if findings else parameters


def _grid(limits: list[float], voxel: list[float]) -> Iterator[Finding]:
    for _, problem, cure in grid_problems(limits, voxel, CELL):
        yield Finding(PARAMETER_FILE, "voxel_size", problem, f"{cure}, {CELL} to a cell of the network")
    layers = layer_count(limits, voxel)
    if layers != 1:
        problem = f"{voxel[2]} m makes {layers} layers of {limits[2]} to {limits[5]} m"
        yield Finding(PARAMETER_FILE, "voxel_size", problem, "let one pillar span the height: the node has one layer")
