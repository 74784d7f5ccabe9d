"""Which of this project's sources a process runs: a result that is half old code and half new has no name."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

from t4zoo.models.common.checkpoint import digest

OWN, NOT = "t4zoo.", "t4zoo.zoo."  # how a URL becomes a local file decides nothing


def loaded() -> dict[str, str]:
    """The sha256 of each module's source that is imported by now."""
    names = [name for name in sorted(sys.modules) if name.startswith(OWN) and not name.startswith(NOT)]
    return {name: _digest_of(name) for name in names}


def changed(before: Mapping[str, str]) -> list[str]:
    """The modules whose source is another than `before`, which `loaded` gave."""
    return [name for name, value in before.items() if _digest_of(name) != value]


def _digest_of(name: str) -> str:
    """The sha256 of the module's source, or "" where there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except ImportError:
        return ""
    return digest(Path(spec.origin)) if spec and spec.origin else ""
