import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import rotate, translate
from shapely.geometry import Polygon
from shapely.geometry import box as rectangle

from t4zoo.t4.labels import Merge
from t4zoo.t4.merge import _overlap, extend_longer, pairs

TRACTOR = np.array([0.0, 0, 1.5, 4, 2.5, 3, 0])
TRAILER = np.array([-8.0, 0, 2.0, 10, 2.5, 4, 0])
RULE = Merge("truck", "truck", "trailer")


def shape(box: np.ndarray) -> Polygon:
    flat = rectangle(-box[3] / 2, -box[4] / 2, box[3] / 2, box[4] / 2)
    return translate(rotate(flat, box[6], origin=(0, 0), use_radians=True), box[0], box[1])


def turned(box: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = cos * box[0] - sin * box[1], sin * box[0] + cos * box[1]
    return np.array([x, y, *box[2:6], box[6] + angle])


def test_a_trailer_grows_to_the_front_of_its_tractor_from_the_lowest_to_the_highest_point():
    merged = extend_longer(TRACTOR, TRAILER)
    assert merged.tolist() == pytest.approx([-5.5, 0, 2.0, 15, 2.5, 4, 0])
    np.testing.assert_allclose(merged, extend_longer(TRAILER, TRACTOR))


@given(st.floats(-3, 3), st.floats(-0.5, 0.5))
def test_the_merged_box_keeps_the_larger_ones_heading_and_reaches_the_far_end(angle: float, bend: float):
    tractor = TRACTOR.copy()
    tractor[6] = bend
    merged = extend_longer(turned(tractor, angle), turned(TRAILER, angle))
    assert merged[6] == pytest.approx(angle)
    far = 2 * math.cos(bend)  # the tractor's front middle along the trailer's axis
    assert merged[3] == pytest.approx(10 + 3 + far)
    assert shape(merged).buffer(1e-6).contains(shape(turned(TRAILER, angle)))


def test_a_box_that_swallows_the_other_stays_as_long_as_it_is():
    inside = np.array([-8.0, 0, 2.0, 1, 1, 1, 0])
    assert extend_longer(TRAILER, inside).tolist() == pytest.approx(TRAILER.tolist())


def test_pairs_are_found_by_overlap_or_by_close_ends_and_nothing_is_taken_twice():
    boxes = np.array([TRACTOR, TRAILER, TRAILER, TRACTOR])
    boxes[2, 1] += 50
    boxes[3, 0] += 0.5
    assert pairs(boxes, ["truck", "trailer", "trailer", "truck"], RULE, 2.0) == [(0, 1)]
    apart = boxes[:2].copy()
    apart[1, 0] -= 4  # leaves 5 m between the ends, and 0.5 m in height
    assert pairs(apart, ["truck", "trailer"], RULE, 2.0) == []
    assert pairs(apart, ["truck", "trailer"], RULE, 5.1) == [(0, 1)]
    assert pairs(boxes, ["car", "trailer", "trailer", "bus"], RULE, 2.0) == []


@given(st.integers(0, 100_000))
def test_overlap_is_what_shapely_says(seed: int):
    rng = np.random.default_rng(seed)
    one, other = (
        np.array([*rng.uniform(-3, 3, 2), 0, *rng.uniform(0.5, 5, 2), 1, rng.uniform(-4, 4)]) for _ in range(2)
    )
    assert _overlap(one, other) == shape(one).intersects(shape(other))
