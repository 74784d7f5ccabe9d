"""Precision and recall that can be counted by hand, and average precision as the evaluation computes it."""

from __future__ import annotations

import dataclasses
import math
import uuid
from pathlib import Path

import numpy as np
import pytest

from t4zoo.boxes import BoxTable
from t4zoo.evaluate.score import Rules, score
from t4zoo.info import Frame, Predictions
from t4zoo.labels.judge import Judge, Matches, side_by_side
from tests.evaluate.scenes import CLASSES, random_scenes
from tests.labels.asking import figures, rows_of

DISTANCES = (0.5, 1.0, 2.0, 4.0)
BANDS = ((0.0, 30.0), (0.0, 10.0), (10.0, 30.0))


def scenes(seed: int, count: int, steps: int | None = None) -> tuple[list[Frame], list[Predictions]]:
    frames, predictions = random_scenes(seed, frames=count, steps=steps)
    named = (
        dataclasses.replace(rows, ids=tuple(str(uuid.UUID(int=i)) for i in range(len(rows)))) for rows in predictions
    )
    return frames, list(named)


def test_ten_boxes_of_which_six_are_right(ten: Path) -> None:
    (row,) = rows_of(figures(ten)["truth"]["judged"], of="CenterPoint-t4base", name="car", band=0)
    assert (row["objects"], row["boxes"]) == (7, 10)
    assert row["precision"] == 0.6 and row["recall"] == round(6 / 7, 6)
    # The four surest are right, then one that is not, then one that is: 4/4, 5/6; 5/8 from 0.6 on, 6/10 in all.
    assert row["precision_at"]["0.8"] == 1.0 and row["recall_at"]["0.8"] == round(4 / 7, 6)
    assert row["precision_at"]["0.7"] == round(5 / 6, 6) and row["recall_at"]["0.7"] == round(5 / 7, 6)
    assert row["precision_at"]["0.6"] == 0.625
    assert row["AP_0.5m"] == 0.0 < row["AP_1m"]  # they are 0.7 m off


def test_the_labels_are_judged_beside_what_they_were_made_of(ten: Path) -> None:
    (row,) = rows_of(figures(ten)["truth"]["judged"], of="labels", name="car", band=0)
    assert (row["objects"], row["boxes"], row["precision"]) == (7, 8, 0.625)


def test_a_class_without_objects_or_boxes_has_no_figures(ten: Path) -> None:
    (row,) = rows_of(figures(ten)["truth"]["judged"], of="labels", name="pedestrian", band=0)
    assert row["precision"] is row["recall"] is row["AP"] is row["AP_2m"] is None


@pytest.mark.parametrize(("seed", "steps"), [(seed, steps) for seed in range(4) for steps in (None, 4)])
def test_average_precision_is_that_of_the_evaluation(seed: int, steps: int | None) -> None:
    frames, predictions = scenes(seed, 12, steps)
    rules = Rules(DISTANCES, 2.0, 0.1, 0.1, BANDS)
    wanted = score(frames, predictions, CLASSES, rules)
    judge = Judge(CLASSES, BANDS, DISTANCES)
    for start in (0, 5, 9):  # three scenes
        chosen = slice(start, {0: 5, 5: 9, 9: 12}[start])
        judge.add(*side_by_side(frames[chosen], BoxTable.of(predictions[chosen]), frames[chosen]))
    for place, band in enumerate(wanted.bands):
        for label, one in enumerate(band.classes):
            found = judge.matches(label, place)
            assert (found.truths, len(found.scores)) == (one.truths, one.predictions)
            for column, distance in enumerate(DISTANCES):
                mine = found.average_precision(column, 0.1, 0.1)
                assert mine == pytest.approx(one.precisions[distance], abs=1e-9, nan_ok=True)


def test_frames_without_truth_are_not_held_against_anybody() -> None:
    frames, predictions = scenes(1, 4)
    table = BoxTable.of(predictions)
    truth, said = side_by_side(frames, table, [None, frames[1], None, frames[3]])
    assert set(said.frames.tolist()) | set(truth.frames.tolist()) <= {1, 3}
    assert len(said) == len(predictions[1]) + len(predictions[3])


def test_nothing_is_known_of_a_class_that_nobody_saw() -> None:
    none = Matches(np.zeros(0), np.zeros((0, 1), dtype=bool), 0)
    assert all(map(math.isnan, (none.precision(0.0, 0), none.recall(0.0, 0), none.average_precision(0, 0.1, 0.1))))
    missed = dataclasses.replace(none, truths=3)
    assert (missed.recall(0.0, 0), missed.average_precision(0, 0.1, 0.1)) == (0.0, 0.0)
