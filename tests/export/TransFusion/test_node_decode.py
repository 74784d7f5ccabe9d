"""The node's decoding, against boxes that are turned into network outputs by solving its formulas backwards."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.export.node_overlap import footprints
from t4zoo.export.TransFusion.node_decode import every_box, published
from t4zoo.export.TransFusion.parameters import NodeSettings

PARAMETERS = {
    "class_names": ["CAR", "TRUCK", "BUS", "BICYCLE", "PEDESTRIAN"],
    "point_cloud_range": [-16.0, -8.0, -3.0, 16.0, 8.0, 5.0],
    "voxel_size": [0.25, 0.125, 8.0],
}
NODE = NodeSettings(
    score_threshold=0.2,
    yaw_norm_thresholds=(0.3, 0.3, 0.3, 0.3, 0.0),
    circle_nms_dist_threshold=0.5,
    iou_nms_search_distance_2d=10.0,
    iou_nms_threshold=0.1,
)
CAR, WALKER = 0, 4

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
        "label": st.integers(0, 4),
        "score": st.floats(0.02, 0.98),
    }
)


def outputs_of(boxes: list[dict]) -> dict[str, np.ndarray]:
    """Network outputs with one query a box: postprocess_kernel.cu solved for what the network must have said."""
    scores, numbers, turns = np.zeros((5, len(boxes))), np.zeros((8, len(boxes))), np.zeros((2, len(boxes)))
    for i, box in enumerate(boxes):
        scores[box["label"], i] = box["score"]
        cells = (box["x"] + 16.0) / (4 * 0.25), (box["y"] + 8.0) / (4 * 0.125)
        sizes = (math.log(box[name]) for name in ("length", "width", "height"))
        numbers[:, i] = [*cells, box["z"], *sizes, box["vx"], box["vy"]]
        turns[:, i] = box["norm"] * math.sin(box["yaw"]), box["norm"] * math.cos(box["yaw"])
    named = {"cls_score0": scores, "bbox_pred0": numbers, "dir_cls_pred0": turns}
    return {name: value[None].astype(np.float32) for name, value in named.items()}


@settings(max_examples=200, deadline=None)
@given(BOX)
def test_any_box_comes_back_from_the_numbers_that_stand_for_it(box):
    every = every_box(outputs_of([box]), PARAMETERS)
    wanted = [box[name] for name in ("x", "y", "z", "length", "width", "height")]
    assert every.boxes[0, :6] == pytest.approx(wanted, rel=1e-5, abs=1e-5)
    assert math.cos(every.boxes[0, 6] - box["yaw"]) == pytest.approx(1.0, abs=1e-9)  # neither a quarter nor a half turn
    assert -math.pi <= every.boxes[0, 6] <= math.pi
    assert every.velocities[0] == pytest.approx([box["vx"], box["vy"]], rel=1e-5)
    assert (every.labels[0], every.scores[0]) == (box["label"], pytest.approx(box["score"], abs=1e-5))
    assert every.yaw_norms[0] == pytest.approx(box["norm"], rel=1e-5)


def box(**changes) -> dict:
    # A car that drives along +x, 5 m ahead.
    still = {"x": 5.2, "y": 0.1, "z": 0.0, "length": 4.0, "width": 2.0, "height": 1.5, "yaw": 0.0, "norm": 1.0}
    return still | {"vx": 0.0, "vy": 0.0, "label": CAR, "score": 0.9} | changes


def left(boxes: list[dict], node: NodeSettings = NODE) -> list[tuple[int, float]]:
    kept = published(every_box(outputs_of(boxes), PARAMETERS), PARAMETERS, node)
    return [(int(label), round(float(score), 3)) for label, score in zip(kept.labels, kept.scores, strict=True)]


@pytest.mark.parametrize(
    ("changes", "stays"),
    [
        ({"score": 0.21}, True),
        ({"score": 0.19}, False),
        ({"norm": 0.31}, True),
        ({"norm": 0.29}, False),
        ({"norm": 0.01, "label": WALKER}, True),  # no heading is asked of pedestrians
    ],
)
def test_thresholds_are_by_score_and_by_heading(changes, stays):
    assert bool(left([box(**changes)])) is stays


def test_of_two_boxes_closer_than_the_circle_the_better_stays_whatever_their_classes():
    near = [box(score=0.8), box(x=5.2, y=0.55, label=WALKER, score=0.9, length=0.5, width=0.5)]
    assert left(near) == [(WALKER, 0.9)]
    assert left(near, NODE.model_copy(update={"circle_nms_dist_threshold": 0.4})) == [(WALKER, 0.9), (CAR, 0.8)]


def test_of_two_vehicles_that_overlap_the_better_stays_and_beside_each_other_both():
    assert left([box(score=0.8), box(y=1.1, score=0.9, label=1)]) == [(1, 0.9)]
    assert left([box(score=0.8), box(y=2.2, score=0.9, label=1)]) == [(1, 0.9), (CAR, 0.8)]


def test_a_pedestrian_drops_no_vehicle_and_another_pedestrian_it_drops():
    walker = box(y=1.1, score=0.9, label=WALKER)
    assert left([box(score=0.8), walker]) == [(WALKER, 0.9), (CAR, 0.8)]
    assert left([box(score=0.8, label=WALKER), walker]) == [(WALKER, 0.9)]


def test_boxes_that_overlap_beyond_the_search_distance_both_stay():
    long = [box(length=30.0), box(x=16.2, length=30.0, score=0.8)]
    assert left(long) == [(CAR, 0.9), (CAR, 0.8)]
    assert left(long, NODE.model_copy(update={"iou_nms_search_distance_2d": 12.0})) == [(CAR, 0.9)]


def test_a_box_that_is_dropped_for_its_overlap_drops_others_all_the_same():
    row = [box(y=0.1, score=0.9), box(y=1.2, score=0.8), box(y=2.3, score=0.7)]
    assert left(row) == [(CAR, 0.9)]


def test_nothing_is_published_of_no_box():
    assert left([]) == []


def test_a_footprint_is_the_box_from_above():
    [area] = footprints(np.array([[5.0, 1.0, 0.0, 4.0, 2.0, 1.5, math.pi / 2]]))
    assert area.bounds == pytest.approx((4.0, -1.0, 6.0, 3.0))
