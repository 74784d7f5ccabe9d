"""The figures of all classes and bands."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from t4zoo.evaluate.score import EvaluateError, Rules, score
from t4zoo.geometry import rotation_from_euler, transform
from tests.evaluate.scenes import CLASSES, frame, predictions, random_scenes

RULES = Rules((0.5, 1.0, 2.0, 4.0), 2.0, 0.1, 0.1, bands=((0.0, 10.0), (10.0, 20.0), (0.0, 20.0)))
CAR, TRUCK, PEDESTRIAN = 0, 1, 4


def test_a_perfect_detector_scores_one_in_every_band() -> None:
    truth = [(CAR, 3, 0), (TRUCK, 8, 0), (CAR, 0, 15), (PEDESTRIAN, 12, 0)]
    result = score([frame(truth)], [predictions([(*row, 0.9) for row in truth])], CLASSES, RULES)
    assert [band.mean_precision for band in (result.overall, *result.bands)] == pytest.approx([1.0] * 4)
    assert result.overall.mean_error("translation") == pytest.approx(0.0)


def test_a_class_without_ground_truth_has_no_figure_and_no_part_in_the_mean() -> None:
    result = score([frame([(CAR, 3, 0)])], [predictions([(CAR, 3, 0, 0.9), (TRUCK, 5, 5, 0.9)])], CLASSES, RULES)
    truck = result.overall.classes[TRUCK]
    assert (truck.truths, truck.predictions) == (0, 1)
    assert math.isnan(truck.mean_precision)
    assert result.overall.mean_precision == pytest.approx(1.0)


def test_without_any_ground_truth_every_mean_is_unknown() -> None:
    result = score([], [], CLASSES, RULES)
    assert math.isnan(result.overall.mean_precision)
    assert math.isnan(result.overall.mean_error("scale"))


def test_both_ground_truth_and_predictions_are_cut_to_the_band() -> None:
    truth = [(CAR, 3, 0), (CAR, 15, 0)]
    result = score([frame(truth)], [predictions([(CAR, 3, 0, 0.9), (CAR, 19, 0, 0.95)])], CLASSES, RULES)
    near, far, _ = result.bands
    assert near.mean_precision == pytest.approx(1.0)  # the wrong one at 19 m does not count here
    assert far.mean_precision == 0.0
    assert (near.classes[CAR].truths, far.classes[CAR].truths, far.classes[CAR].predictions) == (1, 1, 1)


def test_a_bound_belongs_to_the_band_that_begins_there() -> None:
    result = score([frame([(CAR, 10, 0)])], [predictions([(CAR, 10, 0, 0.9)])], CLASSES, RULES)
    assert [band.classes[CAR].truths for band in result.bands] == [0, 1, 1]


def test_distance_is_measured_from_the_ego_and_not_from_the_lidar() -> None:
    mount = transform(rotation_from_euler(0.0, 0.0, math.pi / 2), [8.0, 0.0, 2.0])
    one = frame([(CAR, 0, -4)], lidar2ego=mount)  # 4 m in front of a lidar that sits 8 m before the ego's origin
    result = score([one], [predictions([(CAR, 0, -4, 0.9)])], CLASSES, RULES)
    assert [band.classes[CAR].truths for band in result.bands] == [0, 1, 1]


def test_distances_between_boxes_are_flat_in_the_ego_frame_even_when_the_lidar_is_tilted() -> None:
    mount = transform(rotation_from_euler(0.0, math.pi / 3, 0.0), [0.0, 0.0, 0.0])
    one, guess = frame([(CAR, 6, 0)], lidar2ego=mount), predictions([(CAR, 8.5, 0, 0.9)])
    result = score([one], [guess], CLASSES, RULES)
    assert result.overall.classes[CAR].precisions[1.0] == 0.0
    assert result.overall.classes[CAR].precisions[2.0] == pytest.approx(1.0)  # 2.5 m cos 60 = 1.25 m
    assert result.overall.classes[CAR].errors["translation"] == pytest.approx(1.25)


def test_means_are_over_thresholds_and_classes() -> None:
    truth = [(CAR, 3, 0), (TRUCK, 3, 5)]
    result = score([frame(truth)], [predictions([(CAR, 3.7, 0, 0.9), (TRUCK, 3, 5, 0.9)])], CLASSES, RULES)
    assert result.overall.classes[CAR].mean_precision == pytest.approx(0.75)
    assert result.overall.mean_precision == pytest.approx(0.875)
    assert [result.overall.mean_precision_at(t) for t in RULES.thresholds] == pytest.approx([0.5, 1.0, 1.0, 1.0])


def test_a_symmetric_class_may_be_found_back_to_front() -> None:
    guess = predictions([(CAR, 3, 0, 0.9)])
    guess.boxes[:, 6] = math.pi
    rules = Rules(**{**vars(RULES), "symmetric": frozenset({"car"})})
    strict, lenient = (score([frame([(CAR, 3, 0)])], [guess], CLASSES, r).overall for r in (RULES, rules))
    assert strict.mean_error("orientation") == pytest.approx(math.pi)
    assert lenient.mean_error("orientation") == pytest.approx(0.0)


def test_the_errors_threshold_need_not_be_one_of_the_precisions() -> None:
    rules = Rules(**{**vars(RULES), "error_threshold": 3.0})
    car = score([frame([(CAR, 3, 0)])], [predictions([(CAR, 5.5, 0, 0.9)])], CLASSES, rules).overall.classes[CAR]
    assert car.errors["translation"] == pytest.approx(2.5)
    assert list(car.precisions) == list(car.curves) == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("spoil", [lambda box: box.__setitem__(0, np.nan), lambda box: box.__setitem__(3, 0.0)])
def test_a_box_that_is_none_stops_with_the_frames_name(spoil) -> None:
    guess = predictions([(CAR, 3, 0, 0.9)])
    spoil(guess.boxes[0])
    with pytest.raises(EvaluateError, match=r"db/s/0/data/L/0\.pcd\.bin.*diverged"):
        score([frame()], [guess], CLASSES, RULES)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bands": ()}, "range_bands"),
        ({"bands": ((0.0, 10.0), (10.0, 5.0))}, "range_bands"),
        ({"bands": ((0.0, 10.0, 20.0),)}, "range_bands"),
        ({"thresholds": ()}, "thresholds"),
        ({"thresholds": (2.0, -1.0)}, "thresholds"),
        ({"error_threshold": 0.0}, "error_threshold"),
        ({"min_precision": 1.0}, "min_precision"),
        ({"min_recall": -0.1}, "min_recall"),
    ],
)
def test_rules_that_would_judge_nothing_are_refused(changes, said) -> None:
    with pytest.raises(EvaluateError, match=said):
        dataclasses.replace(RULES, **changes)


def test_the_order_of_the_frames_does_not_matter() -> None:
    frames, rows = random_scenes(7)
    forward = score(frames, rows, CLASSES, RULES)
    backward = score(frames[::-1], rows[::-1], CLASSES, RULES)
    assert forward.overall.mean_precision == pytest.approx(backward.overall.mean_precision)
