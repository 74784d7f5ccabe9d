"""The ensemble, by hand and against a loop over OpenCV's intersection of rotated rectangles, as AWML has it."""

from __future__ import annotations

import math

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.autolabel.ensemble import merge
from t4zoo.autolabel.overlap import overlapping
from t4zoo.autolabel.rules import Ensemble, ModelRules
from t4zoo.info import Predictions

CLASSES = ("car", "truck", "pedestrian", "animal")
CAR, TRUCK, PEDESTRIAN, ANIMAL = range(4)
GROUPS = (("car", "truck"), ("pedestrian",))


def ensemble(*weights: float, iou_threshold: float = 0.2) -> Ensemble:
    models = tuple(ModelRules(f"m{i}", weight, CLASSES, {}) for i, weight in enumerate(weights))
    return Ensemble(models, GROUPS, iou_threshold)


def boxes(model: int, *rows: tuple[int, float, float]) -> Predictions:
    """Rows are label, x, score; each box is 4 m long and 2 m wide."""
    n = len(rows)
    return Predictions(
        boxes=np.array([[x, 0.0, 0.0, 4.0, 2.0, 1.5, 0.0] for _, x, _ in rows]).reshape(n, 7),
        velocities=np.full((n, 2), float(model)),
        labels=np.array([row[0] for row in rows], dtype=np.int64),
        scores=np.array([row[2] for row in rows], dtype=np.float64),
        ids=tuple(f"{model}.{i}" for i in range(n)),
    )


def test_one_models_boxes_stay_as_they_are_even_where_they_overlap() -> None:
    rows = boxes(0, (CAR, 0, 0.9), (CAR, 0.1, 0.8), (ANIMAL, 0, 0.7))
    labels = merge([rows], CLASSES, ensemble(1.0))
    assert labels.boxes.ids == rows.ids
    assert labels.models.tolist() == [0, 0, 0]


def test_of_two_models_boxes_the_higher_weighted_score_stays_unchanged() -> None:
    first, second = boxes(0, (CAR, 0, 0.8)), boxes(1, (TRUCK, 0.5, 0.7))
    labels = merge([first, second], CLASSES, ensemble(0.5, 1.0))
    assert labels.boxes.ids == ("1.0",)
    assert (labels.boxes.scores.tolist(), labels.boxes.labels.tolist(), labels.models.tolist()) == ([0.7], [TRUCK], [1])
    assert labels.boxes.velocities.tolist() == [[1.0, 1.0]]


def test_boxes_of_different_groups_do_not_compete() -> None:
    labels = merge([boxes(0, (CAR, 0, 0.9)), boxes(1, (PEDESTRIAN, 0, 0.8))], CLASSES, ensemble(1.0, 1.0))
    assert labels.boxes.ids == ("0.0", "1.0")


def test_boxes_of_one_model_compete_among_themselves_too() -> None:
    labels = merge([boxes(0, (CAR, 0, 0.5), (TRUCK, 0.5, 0.9)), boxes(1)], CLASSES, ensemble(1.0, 1.0))
    assert labels.boxes.ids == ("0.1",)


def test_a_class_in_no_group_is_dropped() -> None:
    assert len(merge([boxes(0, (ANIMAL, 0, 0.9)), boxes(1)], CLASSES, ensemble(1.0, 1.0)).boxes) == 0


def test_an_overlap_of_exactly_the_threshold_keeps_both() -> None:
    pair = [boxes(0, (CAR, 0, 0.9)), boxes(1, (CAR, 2.0, 0.8))]  # they share 4 of 12 square metres
    assert len(merge(pair, CLASSES, ensemble(1.0, 1.0, iou_threshold=1 / 3)).boxes) == 2
    assert len(merge(pair, CLASSES, ensemble(1.0, 1.0, iou_threshold=0.333)).boxes) == 1


def test_a_box_that_lost_removes_nothing() -> None:
    chain = [boxes(0, (CAR, 0, 0.9), (CAR, 4.4, 0.7)), boxes(1, (CAR, 2.2, 0.8))]  # the middle one overlaps both
    assert merge(chain, CLASSES, ensemble(1.0, 1.0)).boxes.ids == ("0.0", "0.1")


def test_of_equal_scores_the_earlier_model_and_then_the_earlier_box_wins() -> None:
    first, second = boxes(0, (CAR, 50, 0.5), (CAR, 0, 0.5), (CAR, 0.1, 0.5)), boxes(1, (CAR, 0, 0.5))
    assert merge([first, second], CLASSES, ensemble(1.0, 1.0)).boxes.ids == ("0.0", "0.1")
    halved = merge([second, boxes(2, (CAR, 0, 1.0))], CLASSES, ensemble(1.0, 0.5))
    assert halved.boxes.ids == ("1.0",)


def test_heading_counts_and_height_does_not() -> None:
    lengthwise, across = boxes(0, (CAR, 0, 0.9)), boxes(1, (CAR, 3.0, 0.8))
    across.boxes[0, 2], across.boxes[0, 6] = 50.0, math.pi / 2
    assert len(merge([lengthwise, across], CLASSES, ensemble(1.0, 1.0, iou_threshold=0.01)).boxes) == 2
    across.boxes[0, 0] = 0.0
    assert len(merge([lengthwise, across], CLASSES, ensemble(1.0, 1.0)).boxes) == 1


def random_boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.uniform([-6, -6, -1, 0.5, 0.5, 0.5, -7], [6, 6, 1, 6, 3, 3, 7], (n, 7))


def cv2_iou(a: np.ndarray, b: np.ndarray) -> float:
    rectangles = [((r[0], r[1]), (r[3], r[4]), math.degrees(r[6])) for r in (a.tolist(), b.tolist())]
    _, corners = cv2.rotatedRectangleIntersection(*rectangles)
    shared = 0.0 if corners is None else float(cv2.contourArea(cv2.convexHull(corners)))
    return shared / (a[3] * a[4] + b[3] * b[4] - shared)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([0.05, 0.2, 0.5]))
def test_overlaps_are_opencvs(seed: int, iou_threshold: float) -> None:
    rows = random_boxes(np.random.default_rng(seed), 15)
    found = overlapping(rows, iou_threshold)
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            iou = cv2_iou(a, b)
            if i != j and abs(iou - iou_threshold) > 1e-3:  # OpenCV computes in float32
                assert (j in found[i]) == (iou > iou_threshold), (i, j, iou)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_the_ensemble_is_a_greedy_loop_over_each_group(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = []
    for model in range(3):
        n = int(rng.integers(0, 9))
        labels, scores = rng.integers(0, 4, n), np.round(rng.random(n), 1)
        frame.append(
            Predictions(random_boxes(rng, n), np.zeros((n, 2)), labels, scores, tuple(f"{model}.{i}" for i in range(n)))
        )
    rules = ensemble(0.9, 1.0, 0.8)
    pool = [
        (rows.scores[i] * rules.models[m].weight, -m, -i, CLASSES[rows.labels[i]], rows.boxes[i], rows.ids[i])
        for m, rows in enumerate(frame)
        for i in range(len(rows))
    ]
    kept: set[str] = set()
    for group in GROUPS:
        rest = sorted((row for row in pool if row[3] in group), key=lambda row: row[:3], reverse=True)
        while rest:
            best, *others = rest
            kept.add(best[5])
            rest = [row for row in others if cv2_iou(best[4], row[4]) <= 0.2]
    assert set(merge(frame, CLASSES, rules).boxes.ids) == kept
