"""A parameter file of a bundle, with its head: where it comes from, and what it has no place for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from t4zoo.export import ros_yaml

_WRITTEN = "Written by t4zoo's export stage from conf/autoware/ and the checkpoint; edit those, not this file."


def write(path: Path, parameters: dict[str, Any], head: str, settings: Mapping[str, Any] | None = None) -> None:
    """Write `parameters` below `/**` and `ros__parameters`.

    head: further lines of the comment. settings: {name: value} of the node's own parameters with which the model was
    trained and evaluated; no bundle holds them, so that they are told at the end of the comment.
    """
    told = "".join(f"\n  {name}: {value}" for name, value in (settings or {}).items())
    path.write_text(
        ros_yaml.dump({"/**": {"ros__parameters": parameters}}, f"{_WRITTEN}\n{head}{told}"), encoding="utf-8"
    )
