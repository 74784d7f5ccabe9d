"""The filters by distance, size, points and duplicates."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.autolabel.ensemble import merge
from t4zoo.autolabel.exclude import enough_points, exclude, no_duplicates, within_range, within_size
from t4zoo.autolabel.filter_rules import Duplicates, Filters
from t4zoo.autolabel.labels import Labels
from t4zoo.autolabel.rules import Ensemble, ModelRules
from t4zoo.boxes import BoxTable
from t4zoo.geometry import rotation_from_yaw, transform
from tests.autolabel.rows import (
    ANIMAL,
    CAR,
    CLASSES,
    PEDESTRIAN,
    TRUCK,
    boxes,
    ensemble,
    frame_of,
    names,
    random_tables,
)

AHEAD = SimpleNamespace(lidar2ego=transform(rotation_from_yaw(0.0), [2.0, 0.0, 1.5]))
TURNED = SimpleNamespace(lidar2ego=transform(rotation_from_yaw(math.pi), [2.0, 0.0, 1.5]))


def labels(*rows: tuple[int, float, float]) -> Labels:
    return merge([boxes(0, *rows)], CLASSES, ensemble(1.0))


def test_without_rules_everything_passes() -> None:
    every = labels((CAR, 0, 0.9), (PEDESTRIAN, 0, 0.8), (ANIMAL, 9e9, 0.0))
    assert names(exclude(every, [AHEAD], CLASSES, ensemble(1.0)).boxes) == ["0.0", "0.1", "0.2"]


def test_distance_is_from_the_ego_and_not_from_its_lidar_by_class_or_for_all() -> None:
    rows = labels((CAR, 3, 1), (CAR, 8, 1), (CAR, 9, 1), (TRUCK, 8.5, 1), (TRUCK, -7, 1))
    filters = Filters(range={"car": (5.0, 10.0), "all": (0.0, 10.0)})
    assert within_range(rows, [AHEAD], CLASSES, filters).tolist() == [True, True, False, False, True]
    assert within_range(rows, [TURNED], CLASSES, filters).tolist() == [False, True, True, True, True]


def test_height_is_no_distance() -> None:
    rows = labels((CAR, 3, 1))
    rows.boxes.boxes[0, 2] = 100.0
    assert within_range(rows, [AHEAD], CLASSES, Filters(range={"all": (0.0, 10.0)})).all()


def test_each_frame_has_its_own_place_of_the_lidar() -> None:
    table = BoxTable.of([frame_of(0, [(CAR, 3, 1)]), frame_of(0, []), frame_of(0, [(CAR, 3, 1)], 2)])
    rows = merge([table], CLASSES, ensemble(1.0))
    filters = Filters(range={"all": (3.0, 10.0)})
    assert within_range(rows, [AHEAD, AHEAD, TURNED], CLASSES, filters).tolist() == [True, False]


def test_sizes_have_limits_that_are_allowed_themselves() -> None:
    rows = labels((CAR, 0, 1), (CAR, 9, 1), (PEDESTRIAN, 20, 1))  # 4 x 2 x 1.5
    rows.boxes.boxes[1, 5] = 1.6
    assert within_size(rows, CLASSES, Filters(size={"car": {"height": (1.5, 1.5)}})).tolist() == [True, False, True]
    assert not within_size(rows, CLASSES, Filters(size={"all": {"length": (4.1, 9.0)}})).any()
    assert within_size(rows, CLASSES, Filters(size={"all": {"width": (3.0, 9.0)}, "car": {}})).tolist() == [
        True,
        True,
        False,
    ]


def test_points_have_a_least_number() -> None:
    rows = labels((CAR, 0, 1), (CAR, 9, 1), (PEDESTRIAN, 20, 1))
    rows.num_lidar_pts[:] = [4, 5, 1]
    assert enough_points(rows, CLASSES, Filters(points={"car": 5, "all": 1})).tolist() == [False, True, True]


def duplicates(measure: str, above: float) -> Ensemble:
    return ensemble(1.0, filters=Filters(duplicates=Duplicates(measure, above)))  # type: ignore[arg-type]


def test_of_duplicates_across_groups_the_stronger_stays() -> None:
    rows = labels((CAR, 0, 0.5), (PEDESTRIAN, 0.5, 0.6), (PEDESTRIAN, 20, 0.1), (CAR, 0.2, 0.4))
    kept = no_duplicates(rows, CLASSES, duplicates("iou", 0.5))
    assert kept.tolist() == [False, True, True, False]
    assert no_duplicates(rows, CLASSES, ensemble(1.0)).all()


def test_a_small_box_within_a_large_one_is_found_by_the_smaller_measure_alone() -> None:
    rows = labels((CAR, 0, 0.9), (PEDESTRIAN, 0.5, 0.6))
    rows.boxes.boxes[1, 3:5] = 0.6
    assert no_duplicates(rows, CLASSES, duplicates("iou", 0.2)).tolist() == [True, True]
    assert no_duplicates(rows, CLASSES, duplicates("smaller", 0.8)).tolist() == [True, False]


def test_within_a_group_nothing_is_a_duplicate_and_a_class_of_no_group_is_a_group() -> None:
    rows = labels((CAR, 0, 0.9), (TRUCK, 0, 0.8), (ANIMAL, 0, 0.7), (ANIMAL, 0, 0.6))
    assert no_duplicates(rows, CLASSES, duplicates("iou", 0.2)).tolist() == [True, True, False, False]
    assert no_duplicates(rows.take(np.array([2, 3])), CLASSES, duplicates("iou", 0.2)).all()


def test_among_duplicates_scores_count_by_their_models_weight() -> None:
    rules = ensemble(0.5, 1.0, filters=Filters(duplicates=Duplicates("iou", 0.2)))
    rows = merge([boxes(0, (CAR, 0, 0.9)), boxes(1, (PEDESTRIAN, 0, 0.8))], CLASSES, rules)
    assert no_duplicates(rows, CLASSES, rules).tolist() == [False, True]


def test_filters_follow_each_other_and_frames_stay() -> None:
    filters = Filters(range={"all": (0.0, 10.0)}, size={"car": {"length": (1.0, 5.0)}})
    rules = Ensemble((ModelRules("m", 1.0, CLASSES, {}),), (), 0.2, filters=filters)
    rows = labels((CAR, 0, 0.9), (CAR, 1, 0.9), (CAR, 50, 0.9))
    rows.boxes.boxes[0, 3] = 6.0
    kept = exclude(rows, [AHEAD], CLASSES, rules)
    assert (names(kept.boxes), kept.boxes.starts.tolist()) == (["0.1"], [0, 1])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([0.1, 0.5]))
def test_what_is_left_has_no_duplicates_and_what_is_gone_had_a_stronger_one(seed: int, above: float) -> None:
    rules = duplicates("iou", above)
    (table,) = random_tables(np.random.default_rng(seed), models=1, frames=2, most=12)
    rows = merge([table], CLASSES, rules)
    kept = no_duplicates(rows, CLASSES, rules)
    assert no_duplicates(rows.take(kept), CLASSES, rules).all()
    for gone in np.flatnonzero(~kept):
        stronger = rows.boxes.scores >= rows.boxes.scores[gone]
        rest = kept & stronger
        rest[gone] = True
        assert not no_duplicates(rows.take(rest), CLASSES, rules).all()


@pytest.mark.parametrize("measure", ["iou", "smaller"])
def test_nothing_is_filtered_of_nothing(measure: str) -> None:
    filters = Filters({"all": (0, 1)}, {"all": {"length": (0, 1)}}, {"all": 1}, Duplicates(measure, 0.5))  # type: ignore[arg-type]
    assert len(exclude(labels(), [AHEAD], CLASSES, ensemble(1.0, filters=filters))) == 0
