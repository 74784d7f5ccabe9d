"""Raw predictions in, labelled frames out: each model's thresholds, then the ensemble, then the points inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.ensemble import Labels, merge
from t4zoo.autolabel.filter import threshold
from t4zoo.autolabel.identity import instance_token
from t4zoo.autolabel.raw import Raw, relabel
from t4zoo.autolabel.rules import Ensemble
from t4zoo.info import Frame, Instances, Predictions
from t4zoo.points import points_in_boxes_count, read_points


@dataclass(frozen=True, eq=False)
class Labelling:
    """frames: with their labels as `instances`. labels[f]: the same boxes with scores, ids and models.

    raw, kept: (models, classes) numbers of each model's boxes before and after its thresholds.
    final: (classes,) numbers of labels.
    """

    classes: tuple[str, ...]
    frames: tuple[Frame, ...]
    labels: tuple[Labels, ...]
    raw: NDArray[np.int64]
    kept: NDArray[np.int64]
    final: NDArray[np.int64]


def label(raw: Raw, ensemble: Ensemble, data_root: Path) -> Labelling:
    """Apply the ensemble to the raw predictions. The clouds below `data_root` are read, to count points.

    Raises UsageError when a used class is unknown to its model, PointsError for a cloud that cannot be read.
    """
    before, after = [], []
    for rules, known, frames in zip(ensemble.models, raw.known, raw.predictions, strict=True):
        before.append([relabel(rows, known, raw.classes) for rows in frames])
        after.append([relabel(threshold(rows, known, rules), known, raw.classes) for rows in frames])
    labels = tuple(merge(boxes, raw.classes, ensemble) for boxes in zip(*after, strict=True))
    return Labelling(
        classes=raw.classes,
        frames=tuple(
            dataclasses.replace(frame, instances=_instances(frame, found.boxes, raw.classes, data_root))
            for frame, found in zip(raw.frames, labels, strict=True)
        ),
        labels=labels,
        raw=np.array([_count(frames, len(raw.classes)) for frames in before]),
        kept=np.array([_count(frames, len(raw.classes)) for frames in after]),
        final=_count((found.boxes for found in labels), len(raw.classes)),
    )


def _instances(frame: Frame, boxes: Predictions, classes: tuple[str, ...], data_root: Path) -> Instances:
    counts = np.zeros(0, dtype=np.int64)
    if len(boxes):
        counts = points_in_boxes_count(read_points(data_root / frame.lidar_path, frame.num_pts_feats), boxes.boxes)
    return Instances(
        boxes=boxes.boxes,
        velocities=boxes.velocities,
        labels=boxes.labels,
        num_lidar_pts=counts,
        num_radar_pts=np.zeros(len(boxes), dtype=np.int64),
        categories=tuple(classes[index] for index in boxes.labels),
        attributes=((),) * len(boxes),
        tokens=tuple(instance_token(frame.scene, name) for name in boxes.ids),
    )


def _count(frames: Iterable[Predictions], classes: int) -> NDArray[np.int64]:
    total = np.zeros(classes, dtype=np.int64)
    for rows in frames:
        total += np.bincount(rows.labels, minlength=classes)
    return total
