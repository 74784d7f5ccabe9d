"""Without ground truth: how long objects are followed, what no object does, and which frames need a look."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from t4zoo.labels.doubts import WEIGHTS
from t4zoo.labels.settings import Settings
from t4zoo.labels.writing import heading
from tests.labels.asking import figures, rows_of
from tests.labels.workspace import ENSEMBLE, SCENE, Row, write_ensemble, write_labels, write_raw, write_truth

SURE = Settings(near=0.0)
PAIR = ENSEMBLE.replace("models: # in the order in which they win ties\n", """\
models:
  BEVFusion-t4base:
    weight: 1.0
    use_label: [car, pedestrian]
    confidence_thresholds: {car: 0.5, pedestrian: 0.5}
""")  # fmt: skip


def labelled(root: Path, frames: list[list[Row]], tracks: list[list[str]] | None = None, points: int = 10) -> Path:
    write_labels(root / "auto_label" / "20241101_set", {SCENE: frames}, tracks or [], points)
    return root


def test_a_track_is_as_long_as_its_boxes_and_tells_what_is_missing(tmp_path: Path) -> None:
    car: Row = ("car", 10.0, 0.0, 0.9)
    walker: Row = ("pedestrian", 5.0, 5.0, 0.9)
    labelled(
        tmp_path, [[car, walker], [car], [car], [car, walker], [car]], [["a", "b"], ["a"], ["a"], ["a", "b"], ["a"]]
    )
    labels = figures(tmp_path)["labels"]
    assert labels["tracked"] is True and labels["jumps"] == []
    cars, walkers = labels["tracks"]
    assert (cars["tracks"], cars["median_frames"], cars["median_s"], cars["missing_frames"]) == (1, 5.0, 0.4, 0)
    assert cars["frames"] == {"1": 0, "2-4": 0, "5-9": 1, "10+": 0}
    assert (walkers["median_frames"], walkers["missing_frames"]) == (2.0, 2)
    assert walkers["frames"] == {"1": 0, "2-4": 1, "5-9": 0, "10+": 0}


def test_labels_that_nobody_tracked_are_no_short_tracks_and_do_not_jump(tmp_path: Path) -> None:
    labelled(tmp_path, [[("car", 10.0, 0.0, 0.9)], [("car", 90.0, 0.0, 0.9)]])
    data = figures(tmp_path, SURE)
    assert data["labels"]["tracked"] is False and data["labels"]["jumps"] == [] and data["look_at"] == []


def test_five_metres_in_a_tenth_of_a_second_are_a_jump_of_fifty_metres_a_second(tmp_path: Path) -> None:
    labelled(tmp_path, [[("car", x, 0.0, 0.9)] for x in (10.0, 11.0, 16.0, 17.0)], [["a"]] * 4)
    (jump,) = figures(tmp_path)["labels"]["jumps"]
    assert jump == {"scene": SCENE, "frame": 2, "class": "car", "track": "a", "what": "speed", "value": 50.0}
    assert figures(tmp_path, Settings(max_speed=60.0))["labels"]["jumps"] == []


def test_turning_about_and_growing_are_jumps_but_a_little_of_either_is_none(tmp_path: Path) -> None:
    shapes = [(0.0, 1.0), (math.pi, 1.0), (math.pi + 0.5, 1.2), (-math.pi + 0.5, 2.4)]  # the last two head alike
    labelled(tmp_path, [[("car", 5.0, 0.0, 0.9, yaw, larger)] for yaw, larger in shapes], [["a"]] * 4)
    turn, growth = figures(tmp_path)["labels"]["jumps"]
    assert (turn["frame"], turn["what"], turn["value"]) == (1, "turn", round(math.pi, 6))
    assert (growth["frame"], growth["what"], growth["value"]) == (3, "size", 2.0)


def test_few_points_are_counted_where_points_were_counted(tmp_path: Path) -> None:
    labelled(tmp_path, [[("car", 5.0, 0.0, 0.9), ("pedestrian", 9.0, 0.0, 0.9)]], points=4)
    assert figures(tmp_path)["labels"]["few_points"] == {"car": 1, "pedestrian": 1}
    assert figures(tmp_path, Settings(few_points=4))["labels"]["few_points"] == {"car": 0, "pedestrian": 0}
    (tmp_path / "auto_label" / "20241101_set" / "info_all.pkl").unlink()
    assert figures(tmp_path)["labels"]["few_points"] is None


def test_labels_of_two_classes_in_one_place_are_told_and_of_two_frames_are_not(tmp_path: Path) -> None:
    inside: Row = ("pedestrian", 5.5, 0.0, 0.9, 0.0, 3.0)
    labelled(tmp_path, [[("car", 5.0, 0.0, 0.9), inside], [inside]])
    data = figures(tmp_path, SURE)
    assert data["labels"]["overlaps"] == [{"classes": ["car", "pedestrian"], "pairs": 1}]
    (look,) = data["look_at"]
    assert (look["frame"], look["reasons"]) == (0, {"overlap": 2})


def test_counts_are_by_class_range_and_threshold(tmp_path: Path) -> None:
    rows: list[Row] = [
        ("car", 5.0, 0.0, 0.35),
        ("car", 30.0, 0.0, 0.5),
        ("car", 0.0, 30.0, 0.95),
        ("car", 500.0, 0, 0.9),
    ]
    labelled(tmp_path, [rows])
    data = figures(tmp_path)
    every, near, middle, *rest = rows_of(data["counts"], "labels", "car")
    assert every["boxes"] == 3  # the fourth is beyond the last band
    assert [row["boxes"] for row in rest] == [0, 0, 0]
    assert (near["range_m"], near["boxes"], near["left_at"]["0.3"], near["left_at"]["0.4"]) == ([0.0, 20.0], 1, 1, 0)
    assert (middle["boxes"], middle["left_at"]["0.5"], middle["left_at"]["0.6"]) == (2, 2, 1)
    (scores,) = rows_of(data["histograms"], "labels", "car")
    assert [place for place, count in enumerate(scores["boxes"]) if count] == [7, 10, 19]


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Labels of an ensemble of two: one that both have, one that the second lacks, and one that it half believes."""
    both: Row = ("car", 10.0, 0.0, 0.9)
    lone: Row = ("car", 30.0, 0.0, 0.9)
    weak: Row = ("car", 50.0, 0.0, 0.52)
    folder = tmp_path / "auto_label" / "20241101_set"
    write_raw(folder, {SCENE: [[both], [both, lone], [both, weak]]})
    seen: list[Row] = [("car", 10.5, 0.5, 0.6)]
    write_raw(folder, {SCENE: [seen, seen, [*seen, ("car", 50.0, 1.0, 0.49)]]}, model="BEVFusion-t4base")
    write_labels(folder, {SCENE: [[both], [both, lone], [both, weak]]}, [["a"], ["a", "b"], ["a", "c"]])
    return tmp_path


def test_a_box_that_one_model_lacks_or_would_drop_makes_its_frame_worth_a_look(pair: Path) -> None:
    ensemble = write_ensemble(pair / "pair.yaml", PAIR)
    looks = figures(pair, SURE, ensemble=ensemble)["look_at"]
    assert [(look["frame"], look["reasons"]) for look in looks] == [
        (1, {"silent": 1, "short": 1}),
        (2, {"silent": 1, "short": 1}),
    ]
    assert looks[0]["need"] == WEIGHTS["silent"] + WEIGHTS["short"]


def test_scores_close_above_the_threshold_are_doubtful(pair: Path) -> None:
    ensemble = write_ensemble(pair / "pair.yaml", PAIR.replace("car: 0.35", "car: 0.5"))
    first, second = figures(pair, ensemble=ensemble)["look_at"]
    assert (first["frame"], first["reasons"]) == (2, {"silent": 1, "near": 1, "short": 1})
    assert second["frame"] == 1


def test_without_an_ensemble_nobody_is_silent_and_the_least_score_is_the_threshold(pair: Path) -> None:
    data = figures(pair)
    assert data["made_by"]["ensemble"] is None
    assert [(look["frame"], look["reasons"]) for look in data["look_at"]] == [
        (2, {"near": 1, "short": 1}),
        (1, {"short": 1}),
    ]


def test_with_ground_truth_what_is_wrong_or_missed_comes_first(ten: Path) -> None:
    (look,) = figures(ten)["look_at"]
    assert look["reasons"] == {"missed": 2, "wrong": 3}  # of eight labels five are right; the seven objects have five
    assert look["need"] == 5 * WEIGHTS["wrong"]


@pytest.mark.parametrize(
    ("edge", "reasons"),
    [
        (40.0, {"wrong": 2}),
        (60.0, {"wrong": 3}),
        (75.0, {"missed": 1, "wrong": 3}),
        (89.7, {"missed": 2, "wrong": 3}),  # between an object and its label
    ],
)
def test_nothing_outside_the_ranges_makes_a_frame_worth_a_look(ten: Path, edge: float, reasons: dict[str, int]) -> None:
    (look,) = figures(ten, Settings(edges=(0.0, edge)))["look_at"]
    assert look["reasons"] == reasons


def test_tracks_jumps_points_and_overlaps_are_those_within_the_ranges(tmp_path: Path) -> None:
    far: list[Row] = [("car", 50.0, 0.0, 0.9), ("pedestrian", 50.5, 0.0, 0.9, 0.0, 3.0)]
    labelled(tmp_path, [[("car", 5.0, 0.0, 0.9), *far], [("car", 5.5, 0.0, 0.9), far[0]], [("car", 90.0, 0.0, 0.9)]],
             tracks=[["a", "b", "c"], ["a", "b"], ["b"]], points=1)  # fmt: skip
    every, near = (figures(tmp_path, Settings(edges=edges))["labels"] for edges in ((0.0, 120.0), (0.0, 20.0)))
    assert [len(data["jumps"]) for data in (every, near)] == [1, 0]
    assert [len(data["overlaps"]) for data in (every, near)] == [1, 0]
    assert [data["few_points"] for data in (every, near)] == [{"car": 5, "pedestrian": 1}, {"car": 2, "pedestrian": 0}]
    assert [[row["tracks"] for row in data["tracks"]] for data in (every, near)] == [[2, 1], [1, 0]]


def test_objects_beyond_all_boxes_are_told_with_the_range_that_leaves_them_out(ten: Path) -> None:
    assert not [line for line in heading(figures(ten)) if "--ranges" in line]
    write_truth(ten / "truth.pkl", {SCENE: [[("car", 0.0, 100.0, 1.0), ("car", 10.0, 3.0, 1.0)]]})
    (told,) = [line for line in heading(figures(ten)) if "--ranges" in line]
    assert told.startswith("1 of 2 objects are farther away than any box (90.0 m)") and "--ranges 0,91" in told
    assert not [line for line in heading(figures(ten, Settings(edges=(0.0, 91.0)))) if "--ranges" in line]


def test_a_model_whose_predictions_are_not_here_is_told_and_not_called_silent(pair: Path) -> None:
    ensemble = write_ensemble(pair / "pair.yaml", PAIR)
    data = figures(pair, SURE, ensemble=ensemble, models=("CenterPoint-t4base",))
    assert data["made_by"]["absent"] == ["BEVFusion-t4base"]
    assert all("silent" not in look["reasons"] for look in data["look_at"])
    assert any("BEVFusion-t4base" in line for line in heading(data))
