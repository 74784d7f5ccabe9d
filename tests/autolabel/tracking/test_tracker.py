"""Objects of made-up streets keep their ids, however badly they are seen."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.autolabel.labels import Labels
from t4zoo.autolabel.tracking.rules import TrackingRules
from t4zoo.autolabel.tracking.sightings import TrackingError
from t4zoo.autolabel.tracking.tracker import track
from t4zoo.boxes import ID, BoxTable
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import read_scene
from t4zoo.t4.synth_scene import CONCAT, TURNED_TOP, Mount, ScenePlan, write_scene
from t4zoo.t4.world import CLASSES
from tests.autolabel.tracking.streets import (
    Errors,
    Place,
    Street,
    Thing,
    errors_of,
    frame_at,
    rules,
    street_of,
    tracked,
    watch,
)

TENTHS = [number / 10 for number in range(40)]
SMALL = (0.7, 0.7, 1.7)
FORWARD = ["forward"]


def line(x: float, y: float, vx: float = 0.0, vy: float = 0.0) -> Place:
    return lambda time: (x + vx * time, y + vy * time)


def ids_of(street: Street, labels: Labels, number: int) -> list[bytes]:
    return [name.tobytes() for name in labels.tracks[street.truth == number]]


def total(changes: dict[str, object], seeds: range, **seeing: object) -> Errors:
    streets = [street_of(seed, **seeing) for seed in seeds]
    every = [errors_of(street, tracked(street, **changes)) for street in streets]
    return Errors(*(sum(values) for values in zip(*map(dataclasses.astuple, every), strict=True)))


@pytest.mark.parametrize("passes", [FORWARD, ["forward", "backward"]])
@pytest.mark.parametrize("speed_noise", [None, 0.0])
def test_no_object_of_what_really_stands_there_changes_its_id(passes: list[str], speed_noise: float | None) -> None:
    found = total({"passes": passes}, range(6), speed_noise=speed_noise)
    assert found == Errors(0, 0, 0, found.steps)
    assert found.steps > 3000


@pytest.mark.parametrize(("mount", "gives_velocity"), [(CONCAT, True), (TURNED_TOP, False)])
def test_the_objects_of_a_sample_scene_are_those_of_its_tables(
    tmp_path: Path, mount: Mount, gives_velocity: bool
) -> None:
    plan = ScenePlan("tracks_v1", "test", 3, 8, mount, gives_velocity=gives_velocity)
    folder = tmp_path / plan.key
    folder.parent.mkdir()
    write_scene(folder, plan)
    labels = LabelMap(CLASSES, {name: name for name in CLASSES}, (), 0.0, frozenset())
    frames = frames_of(read_scene(folder), "tracks_v1", FrameSettings(labels, max_sweeps=0))
    rows = [frame.instances for frame in frames]
    tokens = [name for instances in rows for name in instances.tokens]
    table = BoxTable(
        np.cumsum([0, *map(len, rows)]),
        np.concatenate([instances.boxes for instances in rows]),
        np.concatenate([instances.velocities for instances in rows]),
        np.concatenate([instances.labels for instances in rows]),
        np.full(len(tokens), 0.5),
        np.frombuffer(b"".join(number.to_bytes(16, "big") for number in range(len(tokens))), dtype=ID),
    )
    street = Street(frames, Labels.of(table, table.scores[:, None]), np.unique(tokens, return_inverse=True)[1])
    found = errors_of(street, tracked(street))
    assert found == Errors(0, 0, 0, found.steps)
    assert found.steps > 50


def test_a_fifth_missing_and_noise_leave_nearly_every_id() -> None:
    found = total({}, range(10), drop=0.2, noise=0.2)
    assert found.switches <= 2 and found.mixed <= 2 and found.steps > 5000
    wild = total({}, range(10), drop=0.2, noise=0.2, speed_noise=1.0, clutter=10)
    assert wild.switches <= 0.005 * wild.steps


def test_the_backward_pass_finds_what_the_forward_one_broke() -> None:
    # Two frames a second and no velocity: the first two boxes of fast traffic are beyond any gate of a forward filter.
    rare = {"seconds": 8.0, "period": 0.5, "drop": 0.2, "noise": 0.2}
    forward, both = total({"passes": FORWARD}, range(10), **rare), total({}, range(10), **rare)
    assert both.switches < forward.switches / 2
    assert both.fragments < forward.fragments / 2


def test_the_first_boxes_of_a_fast_object_are_adopted_once_its_velocity_is_known() -> None:
    street = watch([Thing("car", line(-38.0, 0.0, 28.0))], [number / 2 for number in range(6)], speed_noise=0.0)
    boxes = street.labels.boxes
    boxes = dataclasses.replace(boxes, velocities=np.where(boxes.frames[:, None] < 1, np.nan, boxes.velocities))
    street = dataclasses.replace(street, labels=dataclasses.replace(street.labels, boxes=boxes))
    assert len(set(ids_of(street, tracked(street, passes=FORWARD), 0))) == 2
    assert len(set(ids_of(street, tracked(street), 0))) == 1


def test_one_who_starts_to_run_behind_a_bus_is_joined_from_the_other_side() -> None:
    runner = Thing("pedestrian", lambda time: (8.0, 3.0 * max(time - 2.0, 0.0)), SMALL)
    street = watch([runner], [number / 10 for number in range(60)], visible=lambda number, time: not 2.0 < time < 3.5)
    assert len(set(ids_of(street, tracked(street, passes=FORWARD), 0))) == 2
    assert len(set(ids_of(street, tracked(street), 0))) == 1


def test_people_who_pass_each_other_stay_who_they_are() -> None:
    people = [
        Thing("pedestrian", line(8.0, -2.4, 0.0, 1.2), SMALL),
        Thing("pedestrian", line(8.6, 2.4, 0.0, -1.2), SMALL),
    ]
    for seed in range(5):
        street = watch(people, TENTHS, drop=0.2, noise=0.1, seed=seed)
        assert errors_of(street, tracked(street)) == Errors(0, 0, 0, len(street.truth) - 2)


def test_the_next_in_a_queue_does_not_take_the_place_of_one_who_left() -> None:
    # Within the gate, metres would rather move everybody up by one than leave a box and an object unmatched.
    queue = [Thing("pedestrian", line(10.0 + 1.4 * number, 3.0), SMALL) for number in range(4)]
    street = watch(queue, TENTHS, visible=lambda number, time: time < 2.0 if number == 0 else number < 3 or time >= 2.0)
    assert errors_of(street, tracked(street)).mixed == 0
    assert errors_of(street, tracked(street, distance="metres")).mixed > 0


def test_a_car_that_stops_and_drives_on_is_one_car() -> None:
    def stopping(time: float) -> tuple[float, float]:  # 10 m/s, braked at 5 m/s^2, 3 s still, then 2.5 m/s^2
        moved = 10 * min(time, 2.0) - 2.5 * min(time, 2.0) ** 2 + 1.25 * max(time - 5.0, 0.0) ** 2
        return -20.0 + moved, 2.0

    times = [number / 10 for number in range(80)]
    for seed in range(3):
        street = watch([Thing("car", stopping)], times, drop=0.2, noise=0.2, seed=seed)
        assert len(set(ids_of(street, tracked(street), 0))) == 1


@pytest.mark.parametrize(("hidden", "ids"), [(1.0, 1), (2.9, 1), (3.5, 2)])
def test_an_object_that_comes_back_is_the_same_until_its_age_is_reached(hidden: float, ids: int) -> None:
    times = [number / 10 for number in range(80)]
    car = Thing("car", line(-15.0, 4.0, 4.0))
    street = watch([car], times, visible=lambda number, time: not 2.0 <= time < 2.0 + hidden)
    assert len(set(ids_of(street, tracked(street, max_age=3.0), 0))) == ids


def test_frames_without_boxes_and_missing_frames_are_time_that_passes() -> None:
    cars = [Thing("car", line(-15.0, 4.0, 5.0)), Thing("truck", line(20.0, -4.0, -5.0), (8.0, 2.5, 3.0))]
    empty = watch(cars, TENTHS, visible=lambda number, time: not 1.0 <= time < 1.8)
    assert errors_of(empty, tracked(empty)) == Errors(0, 0, 0, len(empty.truth) - 2)
    irregular = watch(cars, [0.0, 0.1, 0.2, 0.9, 1.0, 1.05, 2.3, 2.3, 2.4, 3.9])
    assert errors_of(irregular, tracked(irregular)) == Errors(0, 0, 0, len(irregular.truth) - 2)


def test_a_scene_of_one_frame_and_one_of_none() -> None:
    street = street_of(1, seconds=0.1)
    found = tracked(street)
    assert len(np.unique(found.tracks.view("S16"))) == len(found) == len(street.truth) > 5
    np.testing.assert_array_equal(found.boxes.boxes, street.labels.boxes.boxes)
    np.testing.assert_array_equal(found.boxes.velocities, street.labels.boxes.velocities)
    assert len(tracked(watch([], TENTHS))) == 0
    assert len(tracked(watch([], []))) == 0


def test_what_stands_is_one_object_for_an_ego_that_turns() -> None:
    # Seen from a lidar that turns by 0.2 rad a frame, what stands 20 m away jumps by 4 m.
    posts = [
        Thing("pedestrian", line(20 * math.cos(turn), 20 * math.sin(turn)), SMALL) for turn in np.arange(0, 6.2, 0.2)
    ]
    street = watch(posts, TENTHS, lambda time: (0.0, 0.0, 2.0 * time), drop=0.1, noise=0.1)
    assert errors_of(street, tracked(street)) == Errors(0, 0, 0, len(street.truth) - len(posts))
    still = tuple(dataclasses.replace(frame, ego2global=np.eye(4)) for frame in street.frames)
    as_seen = track(street.labels, still, CLASSES, rules())
    assert errors_of(street, as_seen).switches > 100, "the test itself could not tell the map from the lidar"


def test_a_car_that_is_called_a_truck_is_one_object_and_one_called_a_pedestrian_is_not() -> None:
    street = watch([Thing("car", line(5.0, 4.0, 2.0))], TENTHS)
    for other, ids in (("truck", 1), ("pedestrian", 2)):
        labels = street.labels.boxes.labels.copy()
        labels[::3] = CLASSES.index(other)
        boxes = dataclasses.replace(street.labels.boxes, labels=labels)
        wavering = dataclasses.replace(street, labels=dataclasses.replace(street.labels, boxes=boxes))
        assert len(set(ids_of(wavering, tracked(wavering), 0))) == ids


def test_a_class_of_no_group_is_tracked_with_its_like_alone() -> None:
    street = watch([Thing("car", line(5.0, 4.0, 2.0)), Thing("bus", line(5.2, 4.0, 2.0))], TENTHS, drop=0.3)
    found = track(street.labels, street.frames, ["animal", "truck", "barrier", "x", "y"], rules())
    assert errors_of(street, found) == Errors(0, 0, 0, len(street.truth) - 2)


def test_two_runs_say_the_same_and_another_scene_another_id() -> None:
    street = street_of(2, drop=0.2, noise=0.2)
    one, two = tracked(street), tracked(street)
    assert one.tracks.tobytes() == two.tracks.tobytes()
    assert one.boxes.velocities.tobytes() == two.boxes.velocities.tobytes()
    frames = tuple(dataclasses.replace(frame, scene="other/0") for frame in street.frames)
    other = track(street.labels, frames, CLASSES, rules())
    assert not set(one.tracks.tolist()) & set(other.tracks.tolist())


def test_a_higher_threshold_leaves_the_ids_of_those_who_stay() -> None:
    street = street_of(4)
    every = tracked(street)
    strong = street.labels.boxes.scores >= 0.6
    raised = track(street.labels.take(strong), street.frames, CLASSES, rules())
    assert raised.tracks.tolist() == every.tracks[strong].tolist()
    assert 0 < np.count_nonzero(strong) < 0.7 * len(strong)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_the_order_of_a_frames_boxes_is_no_matter(seed: int, equal_scores: bool) -> None:
    street = street_of(seed % 4, seconds=1.5, drop=0.2, noise=0.3, clutter=5)
    boxes = street.labels.boxes
    if equal_scores:
        boxes = dataclasses.replace(boxes, scores=np.full(len(boxes), 0.5))
    order = np.lexsort((np.random.default_rng(seed).random(len(boxes)), boxes.frames))
    mixed = BoxTable(
        boxes.starts, boxes.boxes[order], boxes.velocities[order], boxes.labels[order], boxes.scores[order],
        boxes.ids[order],
    )  # fmt: skip
    one = track(Labels.of(boxes, boxes.scores[:, None]), street.frames, CLASSES, rules())
    other = track(Labels.of(mixed, mixed.scores[:, None]), street.frames, CLASSES, rules())
    assert one.tracks[order].tolist() == other.tracks.tolist()
    np.testing.assert_allclose(one.boxes.boxes[order], other.boxes.boxes, atol=1e-9)
    np.testing.assert_allclose(one.boxes.velocities[order], other.boxes.velocities, atol=1e-9)


def test_boxes_that_differ_by_their_ids_alone_are_told_apart_by_them() -> None:
    street = watch([Thing("car", line(5.0, 4.0, 2.0))] * 2, TENTHS[:8])
    boxes = street.labels.boxes
    for scores in (np.full(len(boxes), 0.5), np.tile([0.5, 0.6], 8)):
        one = Labels.of(dataclasses.replace(boxes, scores=scores), scores[:, None])
        for swapped in (2, 6, 14):  # the first row of the frame whose two boxes change places
            order = np.arange(len(boxes))
            order[swapped : swapped + 2] = swapped + 1, swapped
            table = dataclasses.replace(boxes, ids=boxes.ids[order], scores=scores[order])
            other = track(Labels.of(table, scores[:, None]), street.frames, CLASSES, rules())
            tracks = track(one, street.frames, CLASSES, rules()).tracks
            assert tracks[order].tolist() == other.tracks.tolist()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4))
def test_only_the_least_length_drops_boxes(seed: int, least: int) -> None:
    street = street_of(seed, seconds=1.0, drop=0.5, noise=0.5, clutter=5)
    every = tracked(street)
    assert every.boxes.ids.tolist() == street.labels.boxes.ids.tolist()
    assert every.boxes.boxes[:, :3].tolist() == street.labels.boxes.boxes[:, :3].tolist()
    _, inverse, lengths = np.unique(every.tracks.view("S16"), return_inverse=True, return_counts=True)
    kept = tracked(street, min_length=least)
    assert kept.boxes.ids.tolist() == every.boxes.ids[lengths[inverse] >= least].tolist()
    assert kept.tracks.tolist() == every.tracks[lengths[inverse] >= least].tolist()


def test_no_tracking_leaves_the_labels_alone() -> None:
    street = street_of(0, seconds=0.3)
    assert track(street.labels, street.frames, CLASSES, TrackingRules(None)) is street.labels


def test_frames_out_of_order_are_refused() -> None:
    street = watch([Thing("car", line(5.0, 4.0))], TENTHS[:3])
    frames = (*street.frames[:2], frame_at(7, 0.05, (0.0, 0.0, 0.0)))
    with pytest.raises(TrackingError, match="scene street/0: sample street/0/7 comes after a later one; sort"):
        track(street.labels, frames, CLASSES, rules())
