"""What another threshold, model or version changes, box by box."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.errors import UsageError
from t4zoo.labels.comparison import compare, tables, unchanged
from t4zoo.labels.difference import Partner, nearest
from t4zoo.labels.folder import open_folder
from tests.labels.workspace import SCENE, Row, Rows, write_labels, write_raw

OTHER = "scene-2/0"


def diff(root: Path, a: dict[str, list[Rows]], b: dict[str, list[Rows]], seeds: str = "aa", **partner: float) -> Any:
    for name, scenes, seed in zip("ab", (a, b), seeds, strict=True):
        write_labels(root / name, scenes, seed=seed, extra={"models": [f"CenterPoint/t4base@v1.{ord(seed) - 97}.0"]})
    return compare(open_folder(root / "a"), open_folder(root / "b"), Partner(**partner))


def of(data: Any, name: str) -> dict[str, Any]:
    (row,) = [row for row in data["classes"] if row["class"] == name]
    return {key: value for key, value in row.items() if value and key != "class"}


CAR: Row = ("car", 10.0, 0.0, 0.9)
WALKER: Row = ("pedestrian", 5.0, 5.0, 0.6)


def test_the_same_labels_differ_in_nothing(tmp_path: Path) -> None:
    data = diff(tmp_path, {SCENE: [[CAR, WALKER]]}, {SCENE: [[CAR, WALKER]]})
    assert unchanged(data)
    assert of(data, "car") == {"a": 1, "b": 1} and data["pairs"] == {"by_id": 2, "by_distance": 0}
    assert [table.title for table in tables(data)] == ["Boxes"]


def test_a_higher_threshold_takes_boxes_away_and_keeps_the_ids_of_the_others(tmp_path: Path) -> None:
    data = diff(tmp_path, {SCENE: [[CAR, WALKER], [CAR, WALKER]]}, {SCENE: [[CAR], [CAR, WALKER]]})
    assert of(data, "pedestrian") == {"a": 2, "b": 1, "only_a": 1}
    assert data["pairs"] == {"by_id": 3, "by_distance": 0}
    (frame,) = data["changed_frames"]
    assert (frame["scene"], frame["frame"], frame["changed"]) == (SCENE, 0, 1)
    assert not unchanged(data)


def test_boxes_of_another_model_are_matched_by_place_within_their_class(tmp_path: Path) -> None:
    moved: Row = ("car", 10.3, 0.4, 0.7)
    data = diff(tmp_path, {SCENE: [[CAR, WALKER]]}, {SCENE: [[WALKER, moved]]}, "ab")
    assert data["pairs"] == {"by_id": 0, "by_distance": 2}
    assert of(data, "car") == {"a": 1, "b": 1, "moved": 1, "score_changed": 1, "score_mean": -0.2, "score_most": 0.2}
    assert of(data, "pedestrian") == {"a": 1, "b": 1}
    assert [(row["key"], row["a"], row["b"]) for row in data["made_by"]] == [
        ("models", '["CenterPoint/t4base@v1.0.0"]', '["CenterPoint/t4base@v1.1.0"]')
    ]


def test_how_near_and_how_far_is_the_users_to_say(tmp_path: Path) -> None:
    moved: Row = ("car", 10.3, 0.4, 0.9)
    sides: list[dict[str, list[Rows]]] = [{SCENE: [[CAR]]}, {SCENE: [[moved]]}]
    assert of(diff(tmp_path, *sides, "ab", moved=0.6), "car") == {"a": 1, "b": 1}
    assert of(diff(tmp_path, *sides, "ab", near=0.4), "car") == {"a": 1, "b": 1, "only_a": 1, "only_b": 1}


@pytest.mark.parametrize("seeds", ["aa", "ab"])
def test_a_box_of_another_class_in_the_same_place_has_changed_its_class(tmp_path: Path, seeds: str) -> None:
    data = diff(tmp_path, {SCENE: [[CAR]]}, {SCENE: [[("pedestrian", 10.0, 0.0, 0.9)]]}, seeds)
    assert data["class_changes"] == [{"a": "car", "b": "pedestrian", "boxes": 1}]
    assert of(data, "car") == {"a": 1, "class_changed": 1} and of(data, "pedestrian") == {"b": 1}


def test_its_own_class_comes_before_a_nearer_box_of_another(tmp_path: Path) -> None:
    there: list[Row] = [("pedestrian", 10.0, 0.0, 0.9), ("car", 10.5, 0.0, 0.9)]
    data = diff(tmp_path, {SCENE: [[CAR]]}, {SCENE: [there]}, "ab")
    assert of(data, "car") == {"a": 1, "b": 1, "moved": 1} and of(data, "pedestrian") == {"b": 1, "only_b": 1}


def test_scenes_and_frames_come_by_how_much_they_changed(tmp_path: Path) -> None:
    a: dict[str, list[Rows]] = {SCENE: [[CAR, WALKER], [CAR]], OTHER: [[CAR], [CAR]]}
    b: dict[str, list[Rows]] = {SCENE: [[], [CAR]], OTHER: [[CAR], []]}
    data = diff(tmp_path, a, b)
    assert data["scenes"] == [{"scene": SCENE, "changed": 2}, {"scene": OTHER, "changed": 1}]
    assert [(row["scene"], row["frame"], row["changed"]) for row in data["changed_frames"]] == [
        (SCENE, 0, 2),
        (OTHER, 1, 1),
    ]


def test_frames_of_one_side_alone_are_told_and_their_boxes_do_not_count(tmp_path: Path) -> None:
    data = diff(tmp_path, {SCENE: [[CAR], [CAR]], OTHER: [[CAR]]}, {SCENE: [[CAR]]})
    assert data["frames"] == {"both": 1, "only_a": 2, "only_b": 0} and of(data, "car") == {"a": 1, "b": 1}
    assert not unchanged(data)


def test_labels_of_other_scenes_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"no frame in common \({SCENE} and {OTHER}\)"):
        diff(tmp_path, {SCENE: [[CAR]]}, {OTHER: [[CAR]]})
    write_raw(tmp_path / "c", {SCENE: [[CAR]]})
    with pytest.raises(UsageError, match="no labels here to compare"):
        compare(open_folder(tmp_path / "a"), open_folder(tmp_path / "c"), Partner())


def test_what_the_logs_say_is_compared(tmp_path: Path) -> None:
    diff(tmp_path, {SCENE: [[CAR]]}, {SCENE: [[CAR]]})
    for name, threshold in (("a", 0.35), ("b", 0.5)):
        (tmp_path / name / "log.log").write_text(f"the set\ncar {threshold}\n")
    data = compare(open_folder(tmp_path / "a"), open_folder(tmp_path / "b"), Partner())
    assert data["log"] == ["-car 0.35", "+car 0.5"]


POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=8).map(
    lambda rows: np.array(rows, dtype=np.float64).reshape(-1, 2)
)


@given(POINTS, POINTS)
def test_partners_are_near_and_no_two_that_are_near_stay_alone(a: np.ndarray, b: np.ndarray) -> None:
    pairs = nearest(a, b, 2.5)
    mine, theirs = [i for i, _ in pairs], [j for _, j in pairs]
    assert len(set(mine)) == len(mine) and len(set(theirs)) == len(theirs)
    assert all(np.linalg.norm(a[i] - b[j]) < 2.5 for i, j in pairs)
    alone = [(i, j) for i in range(len(a)) for j in range(len(b)) if i not in mine and j not in theirs]
    assert all(np.linalg.norm(a[i] - b[j]) >= 2.5 for i, j in alone)
