"""The threshold filter."""

from __future__ import annotations

import numpy as np

from t4zoo.autolabel.filter import threshold
from t4zoo.autolabel.rules import ModelRules
from t4zoo.boxes import BoxTable
from tests.autolabel.rows import frame_of, names

CLASSES = ("car", "bus", "animal")
CAR, BUS, ANIMAL = 0, 1, 2


def predictions(*rows: tuple[int, float]) -> BoxTable:
    return BoxTable.of([frame_of(0, [(label, 0.0, score) for label, score in rows])])


def rules(use_label: tuple[str, ...] = ("car", "bus"), **thresholds: float) -> ModelRules:
    return ModelRules("m", 1.0, use_label, {"car": 0.35, "bus": 0.5, **thresholds})


def test_a_score_at_the_threshold_of_its_class_is_kept_and_one_below_is_not() -> None:
    rows = predictions((CAR, 0.35), (CAR, 0.3499), (BUS, 0.49), (BUS, 0.5), (CAR, 0.9))
    assert names(threshold(rows, CLASSES, rules())) == ["0.0", "0.3", "0.4"]


def test_a_class_that_is_not_used_is_dropped_at_any_score() -> None:
    assert not len(threshold(predictions((ANIMAL, 1.0), (BUS, 1.0)), CLASSES, rules(use_label=("car",), animal=0.1)))


def test_what_is_kept_is_unchanged() -> None:
    rows = predictions((CAR, 0.1), (BUS, 0.7))
    rows.boxes[1] = 3.0
    kept = threshold(rows, CLASSES, rules())
    assert (kept.boxes.tolist(), kept.scores.tolist(), kept.labels.tolist()) == ([[3.0] * 7], [0.7], [BUS])
    assert kept.velocities.tolist() == [[0.0, 0.0]]


def test_frames_stay_with_fewer_boxes_or_none() -> None:
    rows = BoxTable.of([frame_of(0, [(CAR, 0.0, 0.1)]), frame_of(0, [(CAR, 0.0, 0.9), (CAR, 0.0, 0.1)], 1)])
    kept = threshold(rows, CLASSES, rules())
    assert (kept.starts.tolist(), names(kept)) == ([0, 0, 1], ["0.1.0"])
    np.testing.assert_array_equal(threshold(predictions(), CLASSES, rules()).starts, [0, 0])
