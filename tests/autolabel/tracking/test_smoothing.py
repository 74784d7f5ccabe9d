"""What an object's boxes say together is nearer to the truth than what each says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.autolabel.labels import Labels
from t4zoo.geometry import compose, rotate
from t4zoo.t4.world import CLASSES
from tests.autolabel.tracking.streets import Street, Thing, street_of, tracked, watch

TENTHS = [number / 10 for number in range(40)]


def turning(time: float) -> tuple[float, float, float]:
    return 4.0 * time, 0.0, 0.5 * time


def in_map(street: Street, labels: Labels) -> np.ndarray:
    """(N, 2) velocities along the map's axes."""
    turned = []
    for number, velocity in zip(labels.boxes.frames.tolist(), labels.boxes.velocities, strict=True):
        frame = street.frames[number]
        turned.append(rotate(compose(frame.ego2global, frame.lidar2ego)[:3, :3], [*velocity, 0.0])[:2])
    return np.array(turned)


def with_columns(street: Street, **columns: np.ndarray) -> Street:
    boxes = dataclasses.replace(street.labels.boxes, **columns)
    return dataclasses.replace(street, labels=dataclasses.replace(street.labels, boxes=boxes))


@pytest.mark.parametrize("speed_noise", [None, 1.0])
def test_the_velocity_is_that_of_the_object_in_each_lidars_own_axes(speed_noise: float | None) -> None:
    car = Thing("car", lambda time: (5.0 + 8.0 * time, 3.0 + 2.0 * time))
    street = watch([car], TENTHS, turning, drop=0.2, noise=0.1, speed_noise=speed_noise)
    off = in_map(street, tracked(street)) - (8.0, 2.0)
    assert np.abs(off).max() < 0.8
    assert np.sqrt(np.mean(off**2)) < 0.3


def test_the_velocity_is_the_detectors_where_it_is_not_smoothed_and_where_an_object_was_seen_once() -> None:
    street = street_of(3, seconds=1.0, speed_noise=1.0)
    kept = tracked(street, smoothing_velocity=False)
    np.testing.assert_array_equal(kept.boxes.velocities, street.labels.boxes.velocities)
    lonely = watch([Thing("car", lambda time: (5.0, 3.0))], TENTHS, visible=lambda number, time: time == 1.0)
    assert np.isnan(tracked(lonely).boxes.velocities).all() and len(lonely.truth) == 1


def test_a_wrong_velocity_of_the_detector_is_not_asked_for_where_the_rules_say_so() -> None:
    street = watch([Thing("car", lambda time: (5.0, 3.0))], TENTHS)
    street = with_columns(street, velocities=np.full((len(TENTHS), 2), 6.0))
    assert np.abs(tracked(street, use_velocity=False).boxes.velocities).max() < 1e-6
    assert np.abs(tracked(street).boxes.velocities).max() > 0.5


def test_a_stopped_car_has_no_velocity() -> None:
    def stopping(time: float) -> tuple[float, float]:
        return 5.0 + 8.0 * min(time, 1.0), 3.0

    street = watch([Thing("car", stopping)], TENTHS, turning, noise=0.05)
    speeds = np.hypot(*in_map(street, tracked(street)).T)
    assert speeds[:8].min() > 5.0
    assert speeds[20:].max() < 0.5


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["median", "mean"]), *[st.floats(0.3, 15.0)] * 3, st.integers(0, 50))
def test_the_size_of_an_object_that_keeps_it_stays(
    choice: str, length: float, width: float, height: float, seed: int
) -> None:
    car = Thing("car", lambda time: (5.0 + 8.0 * time, 3.0), (length, width, height))
    street = watch([car], TENTHS[:10], drop=0.2, noise=0.1, seed=seed)
    found = tracked(street, smoothing_size=choice).boxes.boxes
    np.testing.assert_allclose(found[:, 3:6], np.tile([length, width, height], (len(found), 1)), rtol=1e-12)


def sized(lengths: list[float], scores: list[float]) -> Street:
    car = Thing("car", lambda time: (5.0, 3.0))
    street = watch([car], TENTHS[: len(lengths)])
    boxes = street.labels.boxes.boxes.copy()
    boxes[:, 3] = lengths
    return with_columns(street, boxes=boxes, scores=np.array(scores))


def test_strong_boxes_have_more_say_in_the_size() -> None:
    street = sized([4.0, 4.2, 9.0, 1.0], [0.9, 0.8, 0.3, 0.3])
    assert set(tracked(street).boxes.boxes[:, 3]) == {4.0}
    assert tracked(street, smoothing_size="mean").boxes.boxes[:, 3] == pytest.approx(np.full(4, 9.96 / 2.3))
    assert tracked(street, smoothing_size="keep").boxes.boxes[:, 3].tolist() == [4.0, 4.2, 9.0, 1.0]
    assert set(tracked(sized([4.0, 4.2, 5.0], [0.0, 0.0, 0.0])).boxes.boxes[:, 3]) == {4.2}


def test_each_box_keeps_its_centre_and_heading() -> None:
    street = street_of(5, noise=0.1, drop=0.1)
    before, after = street.labels.boxes.boxes, tracked(street).boxes.boxes
    np.testing.assert_array_equal(after[:, [0, 1, 2, 6]], before[:, [0, 1, 2, 6]])


def test_the_class_is_voted_by_score() -> None:
    car, truck = CLASSES.index("car"), CLASSES.index("truck")
    street = sized([4.0] * 4, [0.9, 0.3, 0.3, 0.2])
    street = with_columns(street, labels=np.array([truck, car, car, car]))
    assert tracked(street).boxes.labels.tolist() == [truck] * 4
    assert tracked(street, smoothing_label="keep").boxes.labels.tolist() == [truck, car, car, car]
    even = with_columns(street, scores=np.full(4, 0.5), labels=np.array([truck, car, truck, car]))
    assert tracked(even).boxes.labels.tolist() == [car] * 4
