"""Suppression, by hand and against a loop over OpenCV's intersection of rotated rectangles, as AWML has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.autolabel.ensemble import merge
from t4zoo.boxes import BoxTable
from tests.autolabel.rows import (
    ANIMAL,
    CAR,
    CLASSES,
    GROUPS,
    PEDESTRIAN,
    TRUCK,
    boxes,
    cv2_iou,
    ensemble,
    frame_of,
    names,
    random_tables,
)


def said(labels) -> list[list[float | None]]:
    return [[None if np.isnan(score) else score for score in row] for row in labels.said.tolist()]


def test_one_models_boxes_stay_as_they_are_even_where_they_overlap() -> None:
    rows = boxes(0, (CAR, 0, 0.9), (CAR, 0.1, 0.8), (ANIMAL, 0, 0.7))
    labels = merge([rows], CLASSES, ensemble(0.5))
    assert labels.boxes is rows
    assert said(labels) == [[0.9], [0.8], [0.7]]


def test_of_two_models_boxes_the_higher_weighted_score_stays_unchanged() -> None:
    first, second = boxes(0, (CAR, 0, 0.8)), boxes(1, (TRUCK, 0.5, 0.7))
    labels = merge([first, second], CLASSES, ensemble(0.5, 1.0))
    assert names(labels.boxes) == ["1.0"]
    assert (labels.boxes.scores.tolist(), labels.boxes.labels.tolist(), said(labels)) == ([0.7], [TRUCK], [[None, 0.7]])
    assert labels.boxes.velocities.tolist() == [[1.0, 1.0]]
    assert labels.boxes.boxes.tolist() == second.boxes.tolist()


def test_boxes_of_different_groups_do_not_compete() -> None:
    labels = merge([boxes(0, (CAR, 0, 0.9)), boxes(1, (PEDESTRIAN, 0, 0.8))], CLASSES, ensemble(1.0, 1.0))
    assert names(labels.boxes) == ["0.0", "1.0"]


def test_boxes_of_different_frames_do_not_compete() -> None:
    first = BoxTable.of([frame_of(0, [(CAR, 0, 0.9)]), frame_of(0, [], 1)])
    second = BoxTable.of([frame_of(1, []), frame_of(1, [(CAR, 0, 0.8)], 1)])
    labels = merge([first, second], CLASSES, ensemble(1.0, 1.0))
    assert names(labels.boxes) == ["0.0", "1.1.0"]
    assert labels.boxes.starts.tolist() == [0, 1, 2]


def test_boxes_of_one_model_compete_among_themselves_too() -> None:
    labels = merge([boxes(0, (CAR, 0, 0.5), (TRUCK, 0.5, 0.9)), boxes(1)], CLASSES, ensemble(1.0, 1.0))
    assert names(labels.boxes) == ["0.1"]


def test_a_class_in_no_group_is_dropped() -> None:
    assert len(merge([boxes(0, (ANIMAL, 0, 0.9)), boxes(1)], CLASSES, ensemble(1.0, 1.0))) == 0


def test_an_overlap_of_exactly_the_threshold_keeps_both() -> None:
    pair = [boxes(0, (CAR, 0, 0.9)), boxes(1, (CAR, 2.0, 0.8))]  # they share 4 of 12 square metres
    assert len(merge(pair, CLASSES, ensemble(1.0, 1.0, iou_threshold=1 / 3))) == 2
    assert len(merge(pair, CLASSES, ensemble(1.0, 1.0, iou_threshold=0.333))) == 1


def test_a_box_that_lost_removes_nothing() -> None:
    chain = [boxes(0, (CAR, 0, 0.9), (CAR, 4.4, 0.7)), boxes(1, (CAR, 2.2, 0.8))]  # the middle one overlaps both
    assert names(merge(chain, CLASSES, ensemble(1.0, 1.0)).boxes) == ["0.0", "0.1"]


def test_in_a_long_chain_every_second_box_stays() -> None:
    row = boxes(0, *((CAR, 2.2 * i, 0.9 - 0.01 * i) for i in range(50)))
    assert names(merge([row, boxes(1)], CLASSES, ensemble(1.0, 1.0)).boxes) == [f"0.{i}" for i in range(0, 50, 2)]


def test_of_equal_scores_the_earlier_model_and_then_the_earlier_box_wins() -> None:
    first, second = boxes(0, (CAR, 50, 0.5), (CAR, 0, 0.5), (CAR, 0.1, 0.5)), boxes(1, (CAR, 0, 0.5))
    assert names(merge([first, second], CLASSES, ensemble(1.0, 1.0)).boxes) == ["0.0", "0.1"]
    halved = merge([second, boxes(2, (CAR, 0, 1.0))], CLASSES, ensemble(1.0, 0.5))
    assert names(halved.boxes) == ["1.0"]


def test_heading_counts_and_height_does_not() -> None:
    lengthwise, across = boxes(0, (CAR, 0, 0.9)), boxes(1, (CAR, 3.0, 0.8))
    across.boxes[0, 2], across.boxes[0, 6] = 50.0, math.pi / 2
    assert len(merge([lengthwise, across], CLASSES, ensemble(1.0, 1.0, iou_threshold=0.01))) == 2
    across.boxes[0, 0] = 0.0
    assert len(merge([lengthwise, across], CLASSES, ensemble(1.0, 1.0))) == 1


def greedy(tables: list[BoxTable], weights: tuple[float, ...], iou_threshold: float) -> list[str]:
    """AWML's loop, frame by frame and group by group; raises where OpenCV's float32 cannot tell."""
    kept = []
    for frame in range(len(tables[0].starts) - 1):
        pool = []
        for model, table in enumerate(tables):
            rows, first = table.of_frame(frame), int(table.starts[frame])
            pool += [
                (rows.scores[i] * weights[model], -model, -i, CLASSES[rows.labels[i]], rows.boxes[i], first + i)
                for i in range(len(rows))
            ]
        for group in GROUPS:
            rest = sorted((row for row in pool if row[3] in group), key=lambda row: row[:3], reverse=True)
            while rest:
                best, *others = rest
                kept.append((-best[1], best[5]))
                ious = [cv2_iou(best[4], row[4]) for row in others]
                if any(abs(iou - iou_threshold) < 1e-3 for iou in ious):
                    raise ArithmeticError
                rest = [row for row, iou in zip(others, ious, strict=True) if iou <= iou_threshold]
    return sorted(names(tables[model].take(np.array([row])))[0] for model, row in kept)


@pytest.mark.parametrize("iou_threshold", [0.05, 0.2, 0.5])
def test_the_ensemble_is_a_greedy_loop_over_each_frame_and_group(iou_threshold: float) -> None:
    weights, compared = (0.9, 1.0, 0.8), 0
    for seed in range(60):
        tables = random_tables(np.random.default_rng(seed), models=3, frames=2, most=12)
        try:
            wanted = greedy(tables, weights, iou_threshold)
        except ArithmeticError:
            continue
        labels = merge(tables, CLASSES, ensemble(*weights, iou_threshold=iou_threshold))
        assert sorted(names(labels.boxes)) == wanted
        compared += 1
    assert compared > 20


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_what_is_left_keeps_its_order_and_all_that_belongs_to_it(seed: int) -> None:
    tables = random_tables(np.random.default_rng(seed), models=2, frames=3, most=8)
    labels = merge(tables, CLASSES, ensemble(1.0, 1.0))
    kept, rows = [], []
    for frame in range(3):
        here = slice(labels.boxes.starts[frame], labels.boxes.starts[frame + 1])
        kept += sorted(names(labels.boxes)[here], key=lambda name: (name.split(".")[0], int(name.split(".")[-1])))
    assert kept == names(labels.boxes)
    for name, found in zip(kept, range(len(labels)), strict=True):
        table = tables[int(name[0])]
        row = names(table).index(name)
        rows.append(row)
        assert labels.boxes.frames[found] == table.frames[row]
        for column in ("boxes", "velocities", "labels", "scores"):
            np.testing.assert_array_equal(getattr(labels.boxes, column)[found], getattr(table, column)[row])
        assert np.flatnonzero(~np.isnan(labels.said[found])).tolist() == [int(name[0])]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000))
def test_a_scene_is_merged_as_its_frames_are(seed: int) -> None:
    tables = random_tables(np.random.default_rng(seed), models=2, frames=3, most=8)
    rules = ensemble(1.0, 0.9)
    together = merge(tables, CLASSES, rules)
    alone = [
        merge([BoxTable.of([table.of_frame(frame)]) for table in tables], CLASSES, rules).boxes for frame in range(3)
    ]
    assert names(together.boxes) == [name for boxes_ in alone for name in names(boxes_)]
