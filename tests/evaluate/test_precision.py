"""Average precision and errors, by hand and against nuscenes-devkit's own code."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.evaluate.boxes import Boxes, predicted_of, truth_of
from t4zoo.evaluate.precision import ERRORS, average_precision, curve_of, match, mean_error
from t4zoo.geometry import apply, compose
from t4zoo.info import Frame, Predictions
from tests.evaluate.scenes import CLASSES, frame, predictions, random_scenes

ROOT = Path(__file__).parents[2]
THRESHOLDS = (0.5, 1.0, 2.0, 4.0)


def precision_of(truth: list[Any], guesses: list[Any], threshold: float = 2.0) -> float:
    frames, rows = [frame(truth)], [predictions(guesses)]
    curve = curve_of(truth_of(frames), predicted_of(frames, rows), threshold, 2 * math.pi)
    return average_precision(curve, 0.1, 0.1)


def test_finding_every_box_gives_one() -> None:
    assert precision_of([(0, 0, 0), (0, 9, 0)], [(0, 0.1, 0, 0.9), (0, 9, 0.1, 0.8)]) == pytest.approx(1.0)


def test_nothing_predicted_gives_zero_and_the_worst_errors() -> None:
    frames = [frame([(0, 0, 0)])]
    curve = curve_of(truth_of(frames), predicted_of(frames, [predictions()]), 2.0, 2 * math.pi)
    assert average_precision(curve, 0.1, 0.1) == 0.0
    assert [mean_error(curve, name, 0.1) for name in ERRORS] == [1.0, 1.0, 1.0, 1.0]


def test_predictions_that_are_all_far_away_give_zero() -> None:
    assert precision_of([(0, 0, 0)], [(0, 5, 0, 0.9), (0, -7, 0, 0.8)]) == 0.0


def test_a_box_at_exactly_the_threshold_is_not_found() -> None:
    assert precision_of([(0, 0, 0)], [(0, 2.0, 0, 0.9)]) == 0.0
    assert precision_of([(0, 0, 0)], [(0, 1.9999, 0, 0.9)]) == pytest.approx(1.0)


def test_half_the_boxes_found_first_and_then_only_wrong_ones() -> None:
    # Recall 0.5 at precision 1, then the curve ends: bins 0.11 to 0.50 hold 1 - 0.1 each, the other 50 hold nothing.
    found = precision_of([(0, 0, 0), (0, 9, 0)], [(0, 0, 0, 0.9), (0, 50, 0, 0.8), (0, 60, 0, 0.7)])
    # np.interp takes the last precision, 1/3, where the recall of several points is the same.
    assert found == pytest.approx((39 * 0.9 + (1 / 3 - 0.1)) / 90 / 0.9)


def test_a_second_prediction_of_a_found_box_is_wrong() -> None:
    frames = [frame([(0, 0, 0)])]
    rows = [predictions([(0, 0.5, 0, 0.9), (0, 0.0, 0, 0.8)])]
    assert match(truth_of(frames), predicted_of(frames, rows), 2.0).tolist() == [0, -1]


def test_a_prediction_takes_the_nearest_free_box_of_its_own_frame() -> None:
    frames = [frame([(0, 0, 0), (0, 1, 0)]), frame([(0, 0, 0)], index=1)]
    rows = [predictions([(0, 0.4, 0, 0.9), (0, 0.1, 0, 0.8), (0, 0.2, 0, 0.7)]), predictions()]
    assert match(truth_of(frames), predicted_of(frames, rows), 2.0).tolist() == [0, 1, -1]


def test_of_two_boxes_as_near_a_prediction_takes_the_first() -> None:
    frames, rows = [frame([(0, 1, 0), (0, -1, 0)])], [predictions([(0, 0, 0, 0.9)])]
    assert match(truth_of(frames), predicted_of(frames, rows), 2.0).tolist() == [0]


def test_equal_scores_are_taken_from_the_last_box_to_the_first() -> None:
    right_last = precision_of([(0, 0, 0)], [(0, 50, 0, 0.5), (0, 0, 0, 0.5)])
    right_first = precision_of([(0, 0, 0)], [(0, 0, 0, 0.5), (0, 50, 0, 0.5)])
    assert right_last > right_first


def test_a_box_without_points_or_class_is_no_ground_truth() -> None:
    one = frame([(0, 0, 0), (-1, 5, 0), (0, 9, 0)])
    one.instances.num_lidar_pts[2] = 0
    assert len(truth_of([one])) == 1


def test_errors_are_those_of_the_found_boxes() -> None:
    frames, rows = [frame([(0, 0, 0)])], [predictions([(0, 0.3, 0.4, 0.9)])]
    rows[0].boxes[0, 3:7] = 2.0, 2.0, 1.5, math.pi - 0.1  # half as long, and almost turned round
    rows[0].velocities[0] = 3.0, 4.0
    truth, predicted = truth_of(frames), predicted_of(frames, rows)
    full, half = (curve_of(truth, predicted, 2.0, period) for period in (2 * math.pi, math.pi))
    assert [mean_error(full, name, 0.1) for name in ERRORS] == pytest.approx([0.5, 0.5, math.pi - 0.1, 5.0])
    assert mean_error(half, "orientation", 0.1) == pytest.approx(0.1)


def test_an_unknown_velocity_spoils_no_figure() -> None:
    frames = [frame([(0, 0, 0), (0, 9, 0)])]
    frames[0].instances.velocities[0] = math.nan
    rows = [predictions([(0, 0, 0, 0.9), (0, 9, 0, 0.8)])]
    rows[0].velocities[1] = 3.0, 4.0
    curve = curve_of(truth_of(frames), predicted_of(frames, rows), 2.0, 2 * math.pi)
    assert curve.errors["velocity"][-1] == pytest.approx(5.0)
    assert all(np.isfinite(curve.errors[name]).all() for name in ERRORS)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(THRESHOLDS), st.sampled_from([None, 3]))
def test_matching_agrees_with_trying_every_pair(seed: int, threshold: float, steps: int | None) -> None:
    frames, rows = random_scenes(seed, frames=3, steps=steps)
    truth, predicted = truth_of(frames), predicted_of(frames, rows)
    predicted = predicted.take(np.argsort(predicted.scores)[::-1])
    assert match(truth, predicted, threshold).tolist() == slow_match(truth, predicted, threshold)


def slow_match(truth: Boxes, predicted: Boxes, threshold: float) -> list[int]:
    taken: set[int] = set()
    result = []
    for center, of in zip(predicted.centers, predicted.frames, strict=True):
        free = [i for i in range(len(truth)) if truth.frames[i] == of and i not in taken]
        distances = [float(np.linalg.norm(truth.centers[i] - center)) for i in free]
        best = int(np.argmin(distances)) if free else -1
        result.append(free[best] if free and distances[best] < threshold else -1)
        taken.add(result[-1])
    return result


@pytest.mark.parametrize("steps", [None, 4], ids=["scores that differ", "scores that tie"])
def test_every_figure_equals_nuscenes_devkit(steps: int | None) -> None:
    cases, ours = [], []
    for seed in range(4):
        frames, rows = random_scenes(seed, frames=15, steps=steps)
        truth, predicted = truth_of(frames), predicted_of(frames, rows)
        for label, name in enumerate(CLASSES):
            near, seen = truth.take(truth.labels == label), predicted.take(predicted.labels == label)
            for threshold in THRESHOLDS:
                curve = curve_of(near, seen, threshold, 2 * math.pi)
                ours.append([average_precision(curve, 0.1, 0.1), *(mean_error(curve, e, 0.1) for e in ERRORS)])
                cases.append(oracle_case(frames, rows, label, name, threshold))
    theirs = [list(result.values()) for result in ask_nuscenes(cases)]
    assert np.array(ours) == pytest.approx(np.array(theirs), abs=1e-6)
    assert len({round(row[0], 3) for row in theirs}) > 40  # the cases really differ


def oracle_case(
    frames: list[Frame], rows: list[Predictions], label: int, name: str, threshold: float
) -> dict[str, Any]:
    def counts(one: Frame) -> np.ndarray:
        return (one.instances.labels == label) & (one.instances.num_lidar_pts > 0)

    truth = [box for one in frames for box in oracle_boxes(one, one.instances, np.flatnonzero(counts(one)))]
    predicted = [
        box
        for one, part in zip(frames, rows, strict=True)
        for box in oracle_boxes(one, part, np.flatnonzero(part.labels == label))
    ]
    return {"class": name, "threshold": threshold, "truth": truth, "predicted": predicted}


def oracle_boxes(one: Frame, rows: Any, index: np.ndarray) -> list[dict[str, Any]]:
    to_map = compose(one.ego2global, one.lidar2ego)
    turn = math.atan2(to_map[1, 0], to_map[0, 0])
    centers = apply(to_map, rows.boxes[:, :3])
    return [
        {
            "sample": f"{one.sample_idx:04d}",
            "x": centers[i, 0],
            "y": centers[i, 1],
            "size": rows.boxes[i, 3:6].tolist(),
            "yaw": rows.boxes[i, 6] + turn,
            "velocity": [None if math.isnan(v) else v for v in rows.velocities[i].tolist()],
            "score": float(rows.scores[i]) if hasattr(rows, "scores") else -1.0,
        }
        for i in index
    ]


def ask_nuscenes(cases: list[dict[str, Any]]) -> list[dict[str, float]]:
    oracle = ROOT / ".oracle"
    if not (oracle / "nuscenes").is_dir():
        pytest.fail("nuscenes-devkit, which this test compares with, is not there: run `make oracle`")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("nuscenes_oracle.py"))],
        input=json.dumps({"cases": cases}),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(oracle)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
