"""Boxes as tests write them: a row is label, x, score, and each box is 4 m long and 2 m wide."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence

import cv2
import numpy as np

from t4zoo.autolabel.filter_rules import Filters
from t4zoo.autolabel.rules import Ensemble, Merge, ModelRules
from t4zoo.boxes import BoxTable
from t4zoo.info import Predictions

CLASSES = ("car", "truck", "pedestrian", "animal")
CAR, TRUCK, PEDESTRIAN, ANIMAL = range(4)
GROUPS = (("car", "truck"), ("pedestrian",))
Row = tuple[int, float, float]


def ensemble(
    *weights: float, iou_threshold: float = 0.2, merge: Merge | None = None, filters: Filters | None = None
) -> Ensemble:
    models = tuple(ModelRules(f"m{i}", weight, CLASSES, {}) for i, weight in enumerate(weights))
    return Ensemble(models, GROUPS, iou_threshold, merge or Merge(), filters or Filters())


def identity(model: int, frame: int, row: int) -> str:
    return str(uuid.UUID(int=(model << 64) + (frame << 32) + row))


def names(boxes: BoxTable) -> list[str]:
    """`{model}.{row}` of each box, or `{model}.{frame}.{row}` in any frame but the first."""
    numbers = (int.from_bytes(name.tobytes()) for name in boxes.ids)
    parts = ((n >> 64, n >> 32 & 0xFFFFFFFF, n & 0xFFFFFFFF) for n in numbers)
    return [f"{model}.{frame}.{row}" if frame else f"{model}.{row}" for model, frame, row in parts]


def frame_of(model: int, rows: Sequence[Row], frame: int = 0) -> Predictions:
    n = len(rows)
    return Predictions(
        boxes=np.array([[x, 0.0, 0.0, 4.0, 2.0, 1.5, 0.0] for _, x, _ in rows]).reshape(n, 7),
        velocities=np.full((n, 2), float(model)),
        labels=np.array([row[0] for row in rows], dtype=np.int64),
        scores=np.array([row[2] for row in rows], dtype=np.float64),
        ids=tuple(identity(model, frame, i) for i in range(n)),
    )


def boxes(model: int, *rows: Row) -> BoxTable:
    """One frame."""
    return BoxTable.of([frame_of(model, rows)])


def random_boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    """Crowded, some of them upright, some at right angles, some at the place of another."""
    rows = rng.uniform([-6, -6, -1, 0.5, 0.5, 0.5, -7], [6, 6, 1, 6, 3, 3, 7], (n, 7))
    rows[: n // 4, 6] = rng.integers(-2, 3, n // 4) * math.pi / 2
    rows[n // 2 : n // 2 + n // 8] = rows[: n // 8]
    return rows


def random_tables(rng: np.random.Generator, models: int, frames: int, most: int) -> list[BoxTable]:
    """For each model a table of these frames, some without boxes; scores of few values, so that there are ties."""
    tables = []
    for model in range(models):
        found = []
        for frame in range(frames):
            n = int(rng.integers(0, most + 1))
            ids = tuple(identity(model, frame, i) for i in range(n))
            labels, scores = rng.integers(0, len(CLASSES), n), np.round(rng.random(n), 1)
            velocities = rng.normal(size=(n, 2))
            velocities[rng.random(n) < 0.2] = np.nan
            found.append(Predictions(random_boxes(rng, n), velocities, labels, scores, ids))
        tables.append(BoxTable.of(found))
    return tables


def cv2_shared(a: np.ndarray, b: np.ndarray) -> float:
    """The area that two footprints share, by OpenCV in float32."""
    # Near the origin, where float32 is finest.
    rectangles = [((r[0] - a[0], r[1] - a[1]), (r[3], r[4]), math.degrees(r[6])) for r in (a.tolist(), b.tolist())]
    _, corners = cv2.rotatedRectangleIntersection(*rectangles)
    return 0.0 if corners is None else float(cv2.contourArea(cv2.convexHull(corners)))


def cv2_iou(a: np.ndarray, b: np.ndarray) -> float:
    shared = cv2_shared(a, b)
    return shared / (a[3] * a[4] + b[3] * b[4] - shared)
