"""Overlaps of rotated boxes, against two other ways to compute them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.autolabel.overlap import overlapping, shared_areas
from tests.autolabel.rows import cv2_iou, cv2_shared, random_boxes

CORNERS = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])


def polygons(boxes: np.ndarray) -> np.ndarray:
    turned = [
        (CORNERS * row[3:5]) @ np.array([[math.cos(row[6]), math.sin(row[6])], [-math.sin(row[6]), math.cos(row[6])]])
        for row in boxes
    ]
    return shapely.polygons(np.array(turned).reshape(-1, 4, 2) + boxes[:, None, :2])


def every_pair(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(n, k=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([0.0, 1000.0]))
def test_shared_areas_are_those_of_polygons(seed: int, away: float) -> None:
    rows = random_boxes(np.random.default_rng(seed), 24)
    rows[:, :2] += away
    left, right = every_pair(len(rows))
    shapes = polygons(rows)
    wanted = shapely.area(shapely.intersection(shapes[left], shapes[right]))
    assert shared_areas(rows, left, right) == pytest.approx(wanted, abs=1e-9)


def test_a_box_shares_all_of_itself_with_its_copy_however_it_is_turned() -> None:
    rows = random_boxes(np.random.default_rng(0), 500)
    rows[:100, 6] = 1e-17
    for turn in (0.0, math.pi, -math.pi, 2 * math.pi):
        both = np.concatenate([rows, rows + turn * np.eye(7)[6]])
        shared = shared_areas(both, np.arange(500), np.arange(500, 1000))
        assert shared == pytest.approx(rows[:, 3] * rows[:, 4], rel=1e-12)


def test_boxes_that_touch_or_lie_in_each_other() -> None:
    outer = [0.0, 0.0, 0.0, 4.0, 2.0, 1.0, 0.3]
    inner = [0.0, 0.0, 0.0, 1.0, 0.5, 1.0, 2.0]
    beside = [4 * math.cos(0.3), 4 * math.sin(0.3), 0.0, 4.0, 2.0, 1.0, 0.3]
    shared = shared_areas(np.array([outer, inner, beside]), np.array([0, 1, 0]), np.array([1, 0, 2]))
    assert shared == pytest.approx([0.5, 0.5, 0.0], abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([0.0, 0.05, 0.2, 0.5]), st.sampled_from(["iou", "smaller"]))
def test_pairs_above_the_threshold_are_those_of_a_loop_over_opencv(seed: int, above: float, measure: str) -> None:
    rng = np.random.default_rng(seed)
    rows, blocks = random_boxes(rng, 20), rng.integers(0, 2, 20)
    pairs = overlapping(rows, blocks, above, measure)
    found = dict(zip(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True), pairs.share, strict=True))
    assert len(found) == len(pairs.left)
    for i, j in zip(*every_pair(20), strict=True):
        share = cv2_iou(rows[i], rows[j])
        if measure == "smaller":
            share = cv2_shared(rows[i], rows[j]) / min(rows[i, 3] * rows[i, 4], rows[j, 3] * rows[j, 4])
        if blocks[i] != blocks[j]:
            assert (i, j) not in found
        elif abs(share - above) > 2e-3:  # OpenCV computes in float32
            assert ((i, j) in found) == (share > above), (i, j, share)
            assert share <= above or found[i, j] == pytest.approx(share, abs=2e-3)


def test_no_pair_is_lost_where_places_are_far_apart() -> None:
    pair = np.array([[0.0, 0, 0, 4, 2, 1, 0], [0.5, 0, 0, 4, 2, 1, 0]])
    rows = np.concatenate([pair + x * np.eye(7)[0] for x in (-1e9, 0.0, 1e9)])
    pairs = overlapping(rows, np.zeros(6, dtype=np.int64), 0.2)
    assert sorted(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == [(0, 1), (2, 3), (4, 5)]


def test_without_boxes_there_are_no_pairs() -> None:
    assert len(overlapping(np.zeros((0, 7)), np.zeros(0, dtype=np.int64), 0.2).left) == 0
