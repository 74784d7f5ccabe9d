"""What made two sets of labels, and where that differs: their files' metainfo, and their logs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from t4zoo.labels.folder import Folder

LOG = "log.log"


def makers(a: Folder, b: Folder) -> list[dict[str, Any]]:
    """Each entry of the labels' or a model's metainfo that differs: of, key, a and b (None where it is not there)."""
    sides = [{source.name: _flat(source.extra) for source in folder.sources} for folder in (a, b)]
    rows = []
    for name in sorted({*sides[0], *sides[1]}):
        left, right = (side.get(name, {}) for side in sides)
        for key in sorted({*left, *right}):
            if left.get(key) != right.get(key):
                rows.append({"of": name, "key": key, "a": left.get(key), "b": right.get(key)})
    return rows


def log_changes(a: Folder, b: Folder) -> list[str]:
    """The lines in which the two log.log differ, `-` of A and `+` of B: models, thresholds, counts."""
    left, right = (_log(folder) for folder in (a, b))
    lines = difflib.unified_diff(left, right, n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _log(folder: Folder) -> list[str]:
    file = folder.path / LOG
    return file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []


def _flat(value: Any) -> dict[str, str]:
    return dict(_leaves("", value))


def _leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name in sorted(value, key=str):
            yield from _leaves(f"{key}.{name}" if key else str(name), value[name])
    else:
        yield key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
