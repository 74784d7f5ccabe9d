"""What a foreign info file holds and ours does not: it is told, and would be lost in a conversion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FRAME = frozenset({
    "sample_idx", "token", "timestamp", "scene", "scene_token", "scene_name", "location", "city", "vehicle_type",
    "ego2global", "images", "lidar_points", "lidar_sweeps", "instances", "pred_instances_3d", "lidar_sources",
})  # fmt: skip
POINTS = frozenset({"num_pts_feats", "lidar_path", "lidar2ego"})
SWEEP = frozenset({"timestamp", "sample_data_token", "ego2global", "lidar_points"})
INSTANCE = frozenset({
    "bbox_3d", "bbox_label", "bbox_label_3d", "velocity", "num_lidar_pts", "num_radar_pts", "bbox_3d_isvalid",
    "gt_nusc_name", "gt_attrs", "instance_token",
})  # fmt: skip
PREDICTION = frozenset({"bbox_3d", "velocity", "bbox_label_3d", "bbox_score_3d", "instance_id_3d"})


def unknown(frame: Mapping[Any, Any]) -> set[str]:
    """Keys with a value that `Frame` has no place for; `instances.depth` is one of a box.

    Raises TypeError or ValueError where a frame holds what none can.
    """
    return set(_of_frame(frame))


def _of_frame(frame: Mapping[Any, Any]) -> Iterable[str]:
    yield from _beside(frame, FRAME, "")
    yield from _beside(frame.get("lidar_points"), POINTS, "lidar_points.")
    for sweep in _rows(frame.get("lidar_sweeps")):
        yield from _beside(sweep, SWEEP, "lidar_sweeps.")
        yield from _beside(sweep.get("lidar_points"), POINTS | {"lidar2sensor"}, "lidar_sweeps.lidar_points.")
    for row in _rows(frame.get("instances")):
        yield from _beside(row, INSTANCE, "instances.")
        yield from _otherwise(row)
    for row in _rows(frame.get("pred_instances_3d")):
        yield from _beside(row, PREDICTION, "pred_instances_3d.")


def _otherwise(row: Mapping[Any, Any]) -> Iterable[str]:
    """What our files derive, where a foreign one says something else."""
    label, points = row.get("bbox_label_3d"), row.get("num_lidar_pts", 0)
    if row.get("bbox_label", label) != label:
        yield "instances.bbox_label, where it is not bbox_label_3d"
    if isinstance(points, int) and bool(row.get("bbox_3d_isvalid", points > 0)) != (points > 0):
        yield "instances.bbox_3d_isvalid, where it is not num_lidar_pts > 0"


def _rows(value: Any) -> list[Mapping[Any, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list | tuple) else []


def _beside(record: Any, known: frozenset[str], place: str) -> Iterable[str]:
    if isinstance(record, Mapping):
        for key in record.keys() - known:
            if not _empty(record[key]):
                yield f"{place}{key}"


def _empty(value: Any, depth: int = 4) -> bool:
    """Whether there is nothing in it, as in AWML's sweeps, whose images are tables of None."""
    if value is None or (isinstance(value, str) and not value):
        return True
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else None
    return members is not None and depth > 0 and all(_empty(member, depth - 1) for member in members)
