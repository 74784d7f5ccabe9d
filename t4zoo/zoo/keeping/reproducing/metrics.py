"""A training that was run again is as good as before, or it is not: by its mAP, within a tolerance that is told."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from t4zoo.errors import T4zooError

JUDGED = "mAP"  # begins the names of the numbers that decide


class MetricsError(T4zooError):
    """A metrics.json that has no number to compare."""


def compare_metrics(before: bytes, now: Path, tolerance: float) -> list[str]:
    """A line for each deciding number that is further from what it was than `tolerance`, the greatest step first."""
    old, new = _numbers(before, "the released metrics.json"), _numbers(now.read_bytes(), str(now))
    steps = {name: abs(new.get(name, math.nan) - value) for name, value in old.items()}
    far = [name for name, step in steps.items() if not step <= tolerance]
    far.sort(key=lambda name: -steps[name])
    return [f"{name} was {old[name]:.4f}, is {new.get(name, math.nan):.4f}" for name in far]


def _numbers(content: bytes, where: str) -> dict[str, float]:
    try:
        data: Any = json.loads(content)
    except ValueError as error:
        raise MetricsError(f"{where}: not JSON ({error})") from error
    items = data.items() if isinstance(data, dict) else ()
    numbers = {
        name: float(value)
        for name, value in items
        if name.startswith(JUDGED) and isinstance(value, int | float) and math.isfinite(value)
    }
    if not numbers:
        raise MetricsError(f"{where}: has no {JUDGED} to compare")
    return numbers
