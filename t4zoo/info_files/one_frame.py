"""One frame of an info file, found by its place or its token: as JSON holds it, and its tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from t4zoo.errors import UsageError
from t4zoo.info_files.opened import Opened
from t4zoo.labels.tables import Cell, Table

_PLACE = ("x", "y", "z", "length", "width", "height", "yaw")

Data = dict[str, Any]


def find(opened: Opened, wanted: str) -> Data:
    """The frame of that place in the file, from 0, or of that token. Raises UsageError where there is none."""
    place = next((place for place, token in enumerate(opened.tokens()) if token == wanted), None)
    if place is None and wanted.isascii() and wanted.isdecimal() and len(wanted) < 12:
        place = int(wanted)
    if place is None or place >= len(opened):
        raise UsageError(
            f"{opened.path}: has no frame {wanted!r}; give a token, or a place from 0 to {len(opened) - 1}"
            if len(opened)
            else f"{opened.path}: has no frames"
        )
    record = opened.record(place)
    return {"place": place, "frame": plain(record)}


def plain(value: Any, depth: int = 32) -> Any:
    """What JSON can hold: arrays as lists, null for numbers that are none, text for keys that are none.

    Raises UsageError for what is nested deeper than any info file.
    """
    if depth == 0:
        raise UsageError("the frame is nested deeper than any info file; it cannot be shown")
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth - 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def lines(data: Data) -> Iterator[str]:
    """What stands above the tables: the frame's fields, in a line each."""
    yield f"frame {data['place']}"
    frame = data["frame"]
    if not isinstance(frame, dict):
        yield f"is no table of names and values: {_brief(frame)}"
        return
    for name, value in frame.items():
        if name not in ("instances", "pred_instances_3d") and value not in (None, "", [], {}):
            yield f"  {name}: {_brief(value)}"


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else f"{text[:160]}... (--json has all)"


def tables(data: Data) -> list[Table]:
    """Its annotated and its predicted boxes."""
    frame = data["frame"] if isinstance(data["frame"], dict) else {}
    made = [
        Table("Instances", "", list(map(_row, _rows(frame.get("instances"))))),
        Table("Predictions", "", list(map(_row, _rows(frame.get("pred_instances_3d"))))),
    ]
    return [table for table in made if table.rows]


def _rows(value: Any) -> list[Data]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _row(row: Data) -> dict[str, Cell]:
    box, speed = _numbers(row.get("bbox_3d"), 7), _numbers(row.get("velocity"), 2)
    cells: dict[str, Cell] = {"label": _cell(row.get("bbox_label_3d"))}
    cells |= dict(zip(_PLACE, box, strict=True)) | dict(zip(("vx", "vy"), speed, strict=True))
    if "bbox_score_3d" in row:
        return cells | {"score": _cell(row["bbox_score_3d"]), "id": _cell(row.get("instance_id_3d"))}
    cells |= {"points": _cell(row.get("num_lidar_pts")), "category": _cell(row.get("gt_nusc_name"))}
    return cells | {"token": _cell(row.get("instance_token"))}


def _numbers(value: Any, count: int) -> list[Cell]:
    return list(map(_cell, value)) if isinstance(value, list) and len(value) == count else [None] * count


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | int | float) else _brief(value)
