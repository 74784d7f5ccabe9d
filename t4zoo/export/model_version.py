"""A version as the one number that an ONNX file has for it: X * 10000 + Y * 100 + Z, and 0 where it is not known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from t4zoo.export.finding import Finding
from t4zoo.export.onnx_tensors import load

UNKNOWN = 0

_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.]+)?")


def number_of(version: str) -> int | None:
    """Of vX.Y.Z, whatever follows it; None where it is no version, or Y or Z do not fit into two digits."""
    match = _VERSION.fullmatch(version)
    if not match or max(map(int, match.groups()[1:])) > 99:
        return None
    x, y, z = map(int, match.groups())
    return x * 10000 + y * 100 + z


def check_version(file: Path, version: str) -> Iterator[Finding]:
    """A network that says of itself that it is another version than `version`; one that does not know is sound."""
    network = load(file)
    if isinstance(network, Finding) or network.model_version in (UNKNOWN, number_of(version)):
        return
    problem = f"is {network.model_version}, and {version} is {number_of(version)}"
    cure = f"export with onnx.model_version={version}, or null: a release names the version beside the file"
    yield Finding(file.name, "model_version", problem, cure)
