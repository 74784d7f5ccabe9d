"""The node's decoding, against boxes that are turned into head outputs by solving its formulas backwards."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.export.CenterPoint.node_decode import every_box, published

MODEL = {
    "class_names": ["CAR", "BUS", "PEDESTRIAN"],
    "point_cloud_range": [-16.0, -8.0, -3.0, 16.0, 8.0, 5.0],
    "voxel_size": [0.5, 0.25, 8.0],
    "downsample_factor": 2,
    "yaw_norm_thresholds": [0.3, 0.3, 0.0],
    "detection_score_thresholds": {
        "distance_bin_upper_limits": [10.0, 14.0],
        "min_confidence_scores": {"CAR": [0.3, 0.6], "BUS": [0.3, 0.6], "PEDESTRIAN": [0.5, 0.5]},
    },
}
ROWS, COLUMNS = 32, 32  # of the head's map: 64 and 64 pillars, two by two

BOX = st.fixed_dictionaries(
    {
        "x": st.floats(-15.99, 15.99),
        "y": st.floats(-7.99, 7.99),
        "z": st.floats(-3, 5),
        "length": st.floats(0.3, 20),
        "width": st.floats(0.3, 4),
        "height": st.floats(0.5, 5),
        "yaw": st.floats(-math.pi, math.pi),
        "norm": st.floats(0.05, 2),
        "vx": st.floats(-30, 30),
        "vy": st.floats(-30, 30),
        "label": st.integers(0, 2),
        "score": st.floats(0.02, 0.98),
    }
)


def maps_of(boxes: list[dict]) -> dict[str, np.ndarray]:
    """Head outputs in which each box stands in the cell of its centre, and nothing anywhere else."""
    sizes = {"heatmap": 3, "reg": 2, "height": 1, "dim": 3, "rot": 2, "vel": 2}
    maps = {name: np.zeros((1, channels, ROWS, COLUMNS), np.float32) for name, channels in sizes.items()}
    maps["heatmap"][:] = -20.0
    for box in boxes:
        row, column, values = inverse(box)
        for name, numbers in values.items():
            maps[name][0, :, row, column] = numbers
        maps["heatmap"][0, box["label"], row, column] = math.log(box["score"] / (1 - box["score"]))
    return maps


def inverse(box: dict) -> tuple[int, int, dict[str, list[float]]]:
    """Cell and values: postprocess_kernel.cu and ros_utils.cpp solved for what the network must have said."""
    along_x, along_y = (box["x"] + 16.0) / (0.5 * 2), (box["y"] + 8.0) / (0.25 * 2)
    column, row = math.floor(along_x), math.floor(along_y)
    node_yaw = -box["yaw"] - math.pi / 2  # the node publishes -node_yaw - pi/2
    return (
        row,
        column,
        {
            "reg": [along_x - column, along_y - row],
            "height": [box["z"]],
            "dim": [math.log(box["width"]), math.log(box["length"]), math.log(box["height"])],
            "rot": [box["norm"] * math.sin(node_yaw), box["norm"] * math.cos(node_yaw)],
            "vel": [box["vx"], box["vy"]],
        },
    )


@settings(max_examples=200, deadline=None)
@given(BOX)
def test_any_box_comes_back_from_the_numbers_that_stand_for_it(box):
    row, column, _ = inverse(box)
    every = every_box(maps_of([box]), MODEL)
    assert len(every) == ROWS * COLUMNS
    found = row * COLUMNS + column
    assert np.argmax(every.scores) == found
    wanted = [box[name] for name in ("x", "y", "z", "length", "width", "height")]
    assert every.boxes[found, :6] == pytest.approx(wanted, rel=1e-5, abs=1e-5)
    turn = every.boxes[found, 6] - box["yaw"]
    assert math.cos(turn) == pytest.approx(1.0, abs=1e-9)  # the same heading: neither a quarter nor a half turn off
    assert -math.pi <= every.boxes[found, 6] <= math.pi
    assert every.velocities[found] == pytest.approx([box["vx"], box["vy"]], rel=1e-5)
    assert (every.labels[found], every.scores[found]) == (box["label"], pytest.approx(box["score"], abs=1e-5))
    assert every.yaw_norms[found] == pytest.approx(box["norm"], rel=1e-5)


def box(**changes) -> dict:
    # A car that drives along +x, 5 m ahead.
    still = {"x": 5.2, "y": 0.1, "z": 0.0, "length": 4.0, "width": 2.0, "height": 1.5, "yaw": 0.0, "norm": 1.0}
    return still | {"vx": 0.0, "vy": 0.0, "label": 0, "score": 0.9} | changes


def names_of(boxes: list[dict], distance: float = 0.5) -> list[tuple[int, float]]:
    kept = published(every_box(maps_of(boxes), MODEL), MODEL, distance)
    return [(int(label), round(float(score), 3)) for label, score in zip(kept.labels, kept.scores, strict=True)]


def test_a_car_along_x_is_long_in_x_with_heading_0():
    kept = published(every_box(maps_of([box()]), MODEL), MODEL, 0.5)
    assert kept.boxes[0] == pytest.approx([5.2, 0.1, 0.0, 4.0, 2.0, 1.5, 0.0], abs=1e-5)


def test_the_network_s_numbers_of_a_car_along_x_are_minus_1_and_0():
    # What the node needs for heading 0, written out once: atan2(-1, 0) = -pi/2, and -(-pi/2) - pi/2 = 0.
    assert inverse(box())[2]["rot"] == pytest.approx([-1.0, 0.0])


@pytest.mark.parametrize(
    ("changes", "stays"),
    [
        ({"score": 0.31}, True),
        ({"score": 0.29}, False),
        ({"score": 0.59, "x": 9.95}, True),  # the near bin asks for 0.3
        ({"score": 0.59, "x": 10.05}, False),  # the far bin asks for 0.6
        ({"score": 0.99, "x": 14.05}, False),  # beyond the last bin
        ({"score": 0.45, "label": 2}, False),  # pedestrians need 0.5
        ({"norm": 0.31}, True),
        ({"norm": 0.29}, False),
        ({"norm": 0.01, "label": 2}, True),  # no heading is asked of pedestrians
    ],
)
def test_thresholds_are_by_class_by_distance_and_by_heading(changes, stays):
    assert bool(names_of([box(**changes)])) is stays


def test_of_two_boxes_closer_than_the_circle_the_better_stays_whatever_their_classes():
    near = [box(score=0.8), box(x=5.2, y=0.55, label=2, score=0.9)]
    assert names_of(near) == [(2, 0.9)]
    assert names_of(near, distance=0.4) == [(2, 0.9), (0, 0.8)]


def test_a_suppressed_box_suppresses_nobody():
    row = [box(y=0.1, score=0.9), box(y=0.55, score=0.8), box(y=1.05, score=0.7)]
    assert names_of(row) == [(0, 0.9), (0, 0.7)]


def test_nothing_is_published_of_an_empty_map():
    assert names_of([]) == []
