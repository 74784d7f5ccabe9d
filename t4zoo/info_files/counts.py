"""What is counted of a frame: of one that is understood, and of whatever else stands in its place in a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from t4zoo.info import Frame


@dataclass(frozen=True)
class FrameCounts:
    """timestamp [s], None where there is none. sweeps: earlier clouds. images: cameras with a picture.

    labels, empty, categories: of each annotated box its label, whether no lidar point is inside, and its raw category.
    predicted: the label of each predicted box; None where nobody predicted.
    """

    scene: str
    timestamp: float | None
    sweeps: int
    images: int
    features: int | None
    labels: tuple[int, ...]
    empty: tuple[bool, ...]
    categories: tuple[str, ...]
    predicted: tuple[int, ...] | None


def of_frame(frame: Frame) -> FrameCounts:
    """The counts of a frame."""
    rows, found = frame.instances, frame.predictions
    return FrameCounts(
        scene=frame.scene,
        timestamp=frame.timestamp,
        sweeps=len(frame.sweeps),
        images=_pictures(frame.images),
        features=frame.num_pts_feats,
        labels=tuple(rows.labels.tolist()),
        empty=tuple((rows.num_lidar_pts == 0).tolist()),
        categories=rows.categories,
        predicted=None if found is None else tuple(found.labels.tolist()),
    )


def of_record(record: Mapping[str, Any], scene: str) -> FrameCounts:
    """The counts of an entry of a foreign file; raises TypeError, ValueError and more where it cannot be one."""
    rows, found = record.get("instances") or (), record.get("pred_instances_3d")
    features = (record.get("lidar_points") or {}).get("num_pts_feats")
    return FrameCounts(
        scene=scene,
        timestamp=_seconds(record.get("timestamp")),
        sweeps=len(record.get("lidar_sweeps") or ()),
        images=_pictures(record.get("images") or {}),
        features=None if features is None else int(features),
        labels=tuple(int(row.get("bbox_label_3d", -1)) for row in rows),
        empty=tuple(row.get("num_lidar_pts") == 0 for row in rows),
        categories=tuple(str(row.get("gt_nusc_name") or "") for row in rows),
        predicted=None if found is None else tuple(int(row["bbox_label_3d"]) for row in found),
    )


def _seconds(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _pictures(images: Mapping[str, Any]) -> int:
    return sum(1 for image in images.values() if isinstance(image, Mapping) and image.get("img_path"))
