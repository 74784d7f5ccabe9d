"""What every node of Autoware demands of a parameter file: that it is one, its ROS 2 types and its JSON schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema

from t4zoo.export import ros_yaml
from t4zoo.export.finding import Finding

CONTRACTS = Path(__file__).parent / "contracts"

Rule = tuple[str, Callable[[dict[str, Any]], bool], str]  # key, what must hold, cure

_PYTHON_TYPES = {"string": str, "integer": int, "double": float, "bool": bool}
_CURES = {"double": "write every number with its decimal point (10.0)", "integer": "write it without a decimal point"}


def read(path: Path) -> dict[str, Any] | Finding:
    """What stands below `ros__parameters`, or why there is nothing."""
    if not path.is_file():
        return Finding(path.name, "file", "is missing", "export the bundle again")
    try:
        node = ros_yaml.load(path).get("/**")
    except ros_yaml.RosYamlError as error:
        return Finding(path.name, "file", str(error).removeprefix(f"{path}: "), "mend the YAML")
    parameters = node.get("ros__parameters") if isinstance(node, dict) else None
    if not isinstance(parameters, dict):
        return Finding(path.name, "/**.ros__parameters", "is missing", "begin with `/**:` and `ros__parameters:`")
    return parameters


def check_types(file: str, parameters: dict[str, Any], types: Mapping[str, str]) -> list[Finding]:
    """Every parameter of `types`, {dotted key: ROS 2 type}, that is missing or of another type."""
    return [finding for key, kind in types.items() for finding in check_type(file, parameters, key, kind)]


def check_type(file: str, parameters: dict[str, Any], key: str, kind: str) -> Iterator[Finding]:
    """The finding in one parameter, if there is one."""
    value: Any = parameters
    for step in key.split("."):
        if not isinstance(value, dict) or step not in value:
            yield Finding(file, key, "is missing, and the node has no default", f"add it as {kind}")
            return
        value = value[step]
    scalar = kind.removesuffix("[]")
    values = value if kind.endswith("[]") else [value]
    if not isinstance(values, list) or any(type(item) is not _PYTHON_TYPES[scalar] for item in values):
        yield Finding(file, key, f"{value!r} is not of type {kind}", _CURES.get(scalar, f"write it as {kind}"))


def check_rules(file: str, parameters: dict[str, Any], rules: Iterable[Rule], head: str = "") -> list[Finding]:
    """Every rule that does not hold; head: what stands before a rule's key in the file. The types must be right."""
    broken = [(key, cure) for key, holds, cure in rules if not holds(parameters)]
    return [Finding(file, f"{head}{key}", f"is {parameters[key]}", cure) for key, cure in broken]


def check_schema(file: str, schema: str, parameters: dict[str, Any], found: list[Finding]) -> list[Finding]:
    """What the published schema finds besides what the rules found, which say more."""
    validator = jsonschema.Draft7Validator(json.loads((CONTRACTS / schema).read_text(encoding="utf-8")))
    errors = validator.iter_errors({"/**": {"ros__parameters": parameters}})
    told = [finding.key for finding in found]
    findings = [Finding(file, _key(error), error.message, "follow the node's schema") for error in errors]
    return sorted((f for f in findings if not any(f"{f.key}.".startswith(f"{key}.") for key in told)), key=str)


def _key(error: jsonschema.ValidationError) -> str:
    steps = [str(step) for step in error.absolute_path][2:]  # without /** and ros__parameters
    if error.validator == "required":
        steps.append(error.message.split("'")[1])
    return ".".join(steps) or "ros__parameters"


# Of the nodes that take voxels: how many of them there are in a frame.
VOXELS_NUM: tuple[Rule, ...] = (
    (
        "voxels_num",
        lambda p: len(p["voxels_num"]) == 3,
        "give the fewest, the usual and the most: the node takes its own for another length",
    ),
    (
        "voxels_num",
        lambda p: min(p["voxels_num"], default=1) >= 1 and all(a <= b for a, b in pairwise(p["voxels_num"])),
        "list at least 1, from the fewest to the most",
    ),
)


def is_size(values: list[float]) -> bool:
    """Whether these are x, y, z of a voxel."""
    return len(values) == 3 and min(values) > 0.0


def is_range(values: list[float]) -> bool:
    """Whether these are x, y, z min, x, y, z max."""
    return len(values) == 6 and all(low < high for low, high in zip(values[:3], values[3:], strict=True))
