"""The threshold filter."""

from __future__ import annotations

import numpy as np
import pytest

from t4zoo.autolabel.filter import threshold
from t4zoo.autolabel.rules import ModelRules
from t4zoo.errors import UsageError
from t4zoo.info import Predictions

CLASSES = ("car", "bus", "animal")
CAR, BUS, ANIMAL = 0, 1, 2


def predictions(*rows: tuple[int, float]) -> Predictions:
    n = len(rows)
    labels, scores = np.array([row[0] for row in rows], dtype=np.int64), np.array([row[1] for row in rows])
    return Predictions(np.zeros((n, 7)), np.zeros((n, 2)), labels, scores, tuple(f"{i}" for i in range(n)))


def rules(use_label: tuple[str, ...] = ("car", "bus"), **thresholds: float) -> ModelRules:
    return ModelRules("m", 1.0, use_label, {"car": 0.35, "bus": 0.5, **thresholds})


def test_a_score_at_the_threshold_of_its_class_is_kept_and_one_below_is_not() -> None:
    rows = predictions((CAR, 0.35), (CAR, 0.3499), (BUS, 0.49), (BUS, 0.5), (CAR, 0.9))
    assert threshold(rows, CLASSES, rules()).ids == ("0", "3", "4")


def test_a_class_that_is_not_used_is_dropped_at_any_score() -> None:
    assert threshold(predictions((ANIMAL, 1.0), (BUS, 1.0)), CLASSES, rules(use_label=("car",), animal=0.1)).ids == ()


def test_what_is_kept_is_unchanged() -> None:
    rows = predictions((BUS, 0.7))
    rows.boxes[:] = 3.0
    kept = threshold(rows, CLASSES, rules())
    assert (kept.boxes[0].tolist(), kept.scores.tolist(), kept.labels.tolist()) == ([3.0] * 7, [0.7], [BUS])


def test_a_frame_without_boxes_stays_one() -> None:
    assert len(threshold(predictions(), CLASSES, rules())) == 0


def test_a_class_that_the_model_does_not_know_is_an_error_and_not_a_silent_nothing() -> None:
    with pytest.raises(UsageError, match=r"m: use_label names tram, but the model knows car, bus, animal"):
        threshold(predictions((CAR, 0.9)), CLASSES, rules(use_label=("car", "tram"), tram=0.3))
