"""The node's decoding, against boxes that are turned into network outputs by solving its formulas backwards."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.export.BEVFusion.node_decode import every_box, published, scores
from t4zoo.export.BEVFusion.parameters import NodeSettings

CLASSES = ["CAR", "TRUCK", "BUS", "BICYCLE", "PEDESTRIAN"]
PARAMETERS = {
    "class_names": CLASSES,
    "point_cloud_range": [-16.0, -8.0, -3.0, 16.0, 8.0, 5.0],
    "voxel_size": [0.25, 0.125, 0.5],
    "out_size_factor": 8,
}
NODE = NodeSettings(
    yaw_norm_thresholds=(0.3, 0.3, 0.3, 0.3, 0.0),
    circle_nms_dist_threshold=0.5,
    iou_nms_search_distance_2d=10.0,
    iou_nms_threshold=0.1,
    distance_bin_upper_limits=(6.0, 15.0),
    min_confidence_scores={**dict.fromkeys(CLASSES, (0.2, 0.5)), "PEDESTRIAN": (0.1, 0.1)},
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
    numbers = np.zeros((10, len(boxes)), np.float32)
    for i, box in enumerate(boxes):
        cells = (box["x"] + 16.0) / (8 * 0.25), (box["y"] + 8.0) / (8 * 0.125)
        sizes = (math.log(box[name]) for name in ("length", "width", "height"))
        turn = box["norm"] * math.sin(box["yaw"]), box["norm"] * math.cos(box["yaw"])
        numbers[:, i] = [*cells, box["z"], *sizes, *turn, box["vx"], box["vy"]]
    return {
        "bbox_pred": numbers,
        "score": np.array([box["score"] for box in boxes], np.float32),
        "label_pred": np.array([box["label"] for box in boxes], np.int64),
    }


@settings(max_examples=200, deadline=None)
@given(BOX)
def test_any_box_comes_back_from_the_numbers_that_stand_for_it(box):
    every = every_box(outputs_of([box]), PARAMETERS)
    wanted = [box[name] for name in ("x", "y", "z", "length", "width", "height")]
    assert every.boxes[0, :6] == pytest.approx(wanted, rel=1e-5, abs=1e-5)
    assert math.cos(every.boxes[0, 6] - box["yaw"]) == pytest.approx(1.0, abs=1e-9)  # neither a quarter nor a half turn
    assert every.velocities[0] == pytest.approx([box["vx"], box["vy"]], rel=1e-5)
    assert (every.labels[0], every.scores[0]) == (box["label"], pytest.approx(box["score"], abs=1e-5))
    assert every.yaw_norms[0] == pytest.approx(box["norm"], rel=1e-5)
    by_class = scores(outputs_of([box]), PARAMETERS)[:, 0]
    assert by_class[box["label"]] == every.scores[0]
    assert np.count_nonzero(by_class) == 1


def box(**changes) -> dict:
    # A car that drives along +x, 5 m ahead.
    still = {"x": 5.2, "y": 0.1, "z": 0.0, "length": 4.0, "width": 2.0, "height": 1.5, "yaw": 0.0, "norm": 1.0}
    return still | {"vx": 0.0, "vy": 0.0, "label": CAR, "score": 0.9} | changes


def left(*boxes: dict) -> list[tuple[int, float]]:
    kept = published(every_box(outputs_of(list(boxes)), PARAMETERS), PARAMETERS, NODE)
    return [(int(label), round(float(score), 6)) for label, score in zip(kept.labels, kept.scores, strict=True)]


def test_a_score_counts_against_its_classs_threshold_at_its_distance():
    assert left(box(score=0.21)) == [(CAR, 0.21)]
    assert left(box(score=0.19)) == []
    assert left(box(x=7.0, score=0.49)) == []
    assert left(box(x=7.0, score=0.51)) == [(CAR, 0.51)]
    assert left(box(x=7.0, score=0.11, label=WALKER)) == [(WALKER, 0.11)]


def test_what_lies_beyond_the_last_distance_is_dropped_whatever_its_score():
    assert left(box(x=14.9)) == [(CAR, 0.9)]
    assert left(box(x=15.0)) == []


def test_a_heading_that_the_network_is_unsure_of_drops_a_car_and_no_pedestrian():
    assert left(box(norm=0.29)) == []
    assert left(box(norm=0.01, label=WALKER)) == [(WALKER, 0.9)]


def test_the_best_of_boxes_in_one_place_stays_whatever_its_class():
    assert left(box(score=0.8), box(x=5.6, score=0.9, label=1)) == [(1, 0.9)]


def test_of_two_that_overlap_the_better_stays_and_a_pedestrian_drops_no_vehicle():
    assert left(box(score=0.8), box(y=1.1, score=0.9, label=1)) == [(1, 0.9)]
    assert left(box(score=0.8), box(y=1.1, score=0.9, label=WALKER)) == [(WALKER, 0.9), (CAR, 0.8)]


def test_nothing_is_published_of_no_box():
    assert left() == []
