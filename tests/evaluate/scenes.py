"""Frames with boxes for the metrics' tests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from t4zoo.geometry import rotation_from_euler, transform
from t4zoo.info import Frame, Instances, Predictions

CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")


def frame(truth: list[tuple[Any, ...]] = (), index: int = 0, **changes: Any) -> Frame:
    """A frame in which lidar, ego and map are one; truth rows are (label, x, y) with a car-like box and 10 points."""
    n = len(truth)
    instances = Instances(
        boxes=np.array([[x, y, 0.5, 4.0, 2.0, 1.5, 0.0] for _, x, y in truth]).reshape(n, 7),
        velocities=np.zeros((n, 2)),
        labels=np.array([label for label, _, _ in truth], dtype=np.int64),
        num_lidar_pts=np.full(n, 10),
        num_radar_pts=np.zeros(n, dtype=np.int64),
        categories=("",) * n,
        attributes=((),) * n,
    )
    values = {"lidar2ego": np.eye(4), "ego2global": np.eye(4), "instances": instances}
    return Frame(index, f"t{index}", 0.0, "s/0", "s", "s", "", f"db/s/0/data/L/{index}.pcd.bin", 5, **values | changes)


def predictions(rows: list[tuple[Any, ...]] = ()) -> Predictions:
    """Rows are (label, x, y, score), with the same box as `frame` gives."""
    n = len(rows)
    return Predictions(
        boxes=np.array([[x, y, 0.5, 4.0, 2.0, 1.5, 0.0] for _, x, y, _ in rows]).reshape(n, 7),
        velocities=np.zeros((n, 2)),
        labels=np.array([row[0] for row in rows], dtype=np.int64),
        scores=np.array([row[3] for row in rows], dtype=np.float64),
        ids=tuple(str(i) for i in range(n)),
    )


def random_scenes(seed: int, frames: int = 12, steps: int | None = None) -> tuple[list[Frame], list[Predictions]]:
    """Crowded frames at random poses with good, poor, doubled and invented predictions.

    With `steps`, scores and positions are rounded to so few values that scores tie and boxes are equally far.
    """
    rng = np.random.default_rng(seed)
    made = [_random_frame(rng, index, steps) for index in range(frames)]
    return [one for one, _ in made], [rows for _, rows in made]


def _random_frame(rng: np.random.Generator, index: int, steps: int | None) -> tuple[Frame, Predictions]:
    n = int(rng.integers(0, 25))
    truth = Instances(
        boxes=_random_boxes(rng, n),
        velocities=np.where(rng.random((n, 1)) < 0.2, np.nan, rng.normal(0, 3, (n, 2))),
        labels=rng.integers(-1, len(CLASSES), n),
        num_lidar_pts=rng.integers(0, 5, n),
        num_radar_pts=np.zeros(n, dtype=np.int64),
        categories=("",) * n,
        attributes=((),) * n,
    )
    copies = rng.integers(0, n, int(rng.integers(0, 2 * n))) if n else np.zeros(0, dtype=np.int64)
    invented = int(rng.integers(0, 10))
    boxes = np.concatenate([truth.boxes[copies] + rng.normal(0, 0.4, (len(copies), 7)), _random_boxes(rng, invented)])
    boxes[:, 3:6] = np.abs(boxes[:, 3:6]) + 0.1
    scores = rng.random(len(boxes))
    if steps:
        scores, boxes[:, :2] = np.ceil(scores * steps) / steps, np.round(boxes[:, :2])
    guess = Predictions(
        boxes=boxes,
        velocities=rng.normal(0, 3, (len(boxes), 2)),
        labels=np.concatenate([np.maximum(truth.labels[copies], 0), rng.integers(0, len(CLASSES), invented)]),
        scores=scores,
        ids=tuple(str(i) for i in range(len(boxes))),
    )
    place = transform(rotation_from_euler(0, 0, rng.uniform(-4, 4)), rng.uniform(-3, 3, 3))
    pose = transform(rotation_from_euler(0, 0, rng.uniform(-4, 4)), rng.uniform(-1000, 1000, 3))
    return frame(index=index, instances=truth, lidar2ego=place, ego2global=pose), guess


def _random_boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    low = [-25, -25, -1, 0.3, 0.3, 0.3, -2 * math.pi]
    high = [25, 25, 1, 8, 3, 3, 2 * math.pi]
    return rng.uniform(low, high, (n, 7))
