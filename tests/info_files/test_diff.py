"""`t4zoo info diff`: nothing where nothing differs, and each single change by name and size."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t4zoo import parquet
from t4zoo.info import Frame, Info
from tests.info_files.files import awml, frame, info, kitti, nuscenes, refused, run, written


def compared(a: Path, b: Path, *options: object) -> dict[str, Any]:
    done = run("diff", a, b, "--json", *options)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["same"] else 1)
    return found


def changed(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """The difference when the first frame's fields are others."""
    first, *rest = info().frames
    return against(tmp_path, dataclasses.replace(first, **changes), *rest)


def against(tmp_path: Path, *frames: Frame) -> dict[str, Any]:
    a, b = written(tmp_path / "a.pkl"), written(tmp_path / "b.pkl", info(frames=frames))
    return compared(a, b)


def boxes(**changes: Any) -> dict[str, Any]:
    return {"instances": dataclasses.replace(info().frames[0].instances, **changes)}


def test_a_file_is_the_same_as_itself_and_its_twin(tmp_path: Path) -> None:
    a = written(tmp_path / "a.pkl")
    parquet.save(tmp_path / "a.parquet", info())
    for b in (a, tmp_path / "a.parquet"):
        done = run("diff", a, b)
        assert (done.returncode, done.stderr) == (0, "")
        assert "frames: 4 in both, 0 in A alone, 0 in B alone" in done.stdout
        assert done.stdout.endswith("the files say the same\n")


def test_awmls_file_differs_in_what_ours_says_beside_alone(tmp_path: Path) -> None:
    found = compared(written(tmp_path / "a.pkl"), awml(tmp_path / "b.pkl"))
    assert [row["name"] for row in found["metainfo"]] == ["max_sweeps", "labels"]
    assert [row["field"] for row in found["fields"]] == ["images"]  # AWML has all keys of a camera that is absent
    assert found["instances"]["changes"] == []
    assert not any(row["only_a"] or row["only_b"] for row in found["instances"]["classes"])


@pytest.mark.parametrize(
    ("field", "value", "most"),
    [
        ("timestamp", 1.7e9 + 0.5, 0.5),
        ("ego2global", np.eye(4) * 3, 2.0),
        ("lidar_path", "elsewhere.bin", None),
        ("num_pts_feats", 4, None),
        ("images", {}, None),
        (
            "images",
            {"CAM_FRONT": {"img_path": "a.jpg", "cam2img": np.eye(3) * 2}, "CAM_BACK": {"img_path": None}},
            None,
        ),
        ("lidar_sources", {"LIDAR_TOP": 5}, None),
        ("city", "Tokyo", None),
        ("sweeps", frame("a/0", 1).sweeps, None),
    ],
)
def test_a_field_of_a_frame_that_changed_is_named(tmp_path: Path, field: str, value: Any, most: float | None) -> None:
    found = changed(tmp_path, **{field: value})
    assert [(row["field"], row["frames"]) for row in found["fields"]] == [(field, 1)]
    assert found["fields"][0]["most"] == pytest.approx(most)
    assert found["changed_frames"] == [{"scene": "a/0", "token": "a/0@0", "changes": 1}]
    assert found["instances"]["changes"] == [] and not found["same"]


def moved(column: int, by: float) -> np.ndarray:
    rows = info().frames[0].instances.boxes.copy()
    rows[1, column] += by
    return rows


@pytest.mark.parametrize(
    ("what", "change", "most"),
    [
        ("centre", {"boxes": moved(0, 30.0)}, 30.0),  # of the same token, however far
        ("size", {"boxes": moved(4, 0.25)}, 0.25),
        ("yaw", {"boxes": moved(6, 2 * math.pi + 0.5)}, 0.5),
        ("velocity", {"velocities": np.array([[1.25, 1.25], [1.25, 4.25], [1.25, 1.25]])}, 3.0),
        ("velocity", {"velocities": np.array([[1.25, 1.25], [math.nan] * 2, [1.25, 1.25]])}, None),
        ("class", {"labels": np.array([0, -1, 1])}, None),
        ("lidar points", {"num_lidar_pts": np.array([0, 9, 6])}, None),
        ("radar points", {"num_radar_pts": np.array([0, 9, 0])}, None),
        ("category", {"categories": ("vehicle.0", "x", "vehicle.1")}, None),
        ("attributes", {"attributes": ((), (), ("parked", "occluded"))}, None),
        ("token", {"tokens": ("a/0#0", "other", "a/0#2")}, None),
    ],
)
def test_a_box_that_changed_is_told_by_what_and_by_how_much(tmp_path: Path, what: str, change: Any, most: Any) -> None:
    found = changed(tmp_path, **boxes(**change))["instances"]
    assert [(row["what"], row["boxes"]) for row in found["changes"]] == [(what, 1)]
    assert found["changes"][0]["most"] == pytest.approx(most)
    car = next(row for row in found["classes"] if row["class"] == "car")
    assert (car["a"], car["only_a"], car["only_b"]) == (6, 0, 0)
    assert (car["class_changed"], car["changed"]) == ((1, 0) if what == "class" else (0, 1))


def test_a_full_turn_and_a_last_digit_are_no_change(tmp_path: Path) -> None:
    assert changed(tmp_path, **boxes(boxes=moved(6, 2 * math.pi)))["same"]
    assert changed(tmp_path, **boxes(boxes=moved(0, 5e-7)))["same"]
    assert not compared(tmp_path / "a.pkl", tmp_path / "b.pkl", "--tolerance", "0")["same"]


def test_boxes_without_tokens_are_matched_by_place(tmp_path: Path) -> None:
    first, *rest = awml_frames(tmp_path)
    rows = dataclasses.replace(first.instances, boxes=moved(0, 0.25))
    a = written(tmp_path / "a.pkl", info(frames=(first, *rest)))
    b = written(tmp_path / "b.pkl", info(frames=(dataclasses.replace(first, instances=rows), *rest)))
    (change,) = compared(a, b)["instances"]["changes"]
    assert (change["what"], change["boxes"], change["most"]) == ("centre", 1, pytest.approx(0.25))
    apart = compared(a, b, "--near", "0.2")["instances"]
    assert apart["changes"] == []
    assert [(row["only_a"], row["only_b"]) for row in apart["classes"] if row["class"] == "car"] == [(1, 1)]


def awml_frames(tmp_path: Path) -> list[Frame]:
    nameless = [dataclasses.replace(one.instances, tokens=("",) * len(one.instances)) for one in info().frames]
    return [dataclasses.replace(one, instances=rows) for one, rows in zip(info().frames, nameless, strict=True)]


def test_frames_and_scenes_that_are_in_one_alone_are_listed(tmp_path: Path) -> None:
    first, second, third, _ = info().frames
    found = against(tmp_path, second, first, frame("a/0", 7), frame("c/0", 0))
    assert third.token == "a/0@2"
    assert found["scenes"] == {"both": 1, "only_a": ["b/1"], "only_b": ["c/0"]}
    assert [row["token"] for row in found["frames"]["only_a"]] == ["a/0@2", "b/1@0"]
    assert [row["token"] for row in found["frames"]["only_b"]] == ["a/0@7", "c/0@0"]
    assert (found["frames"]["both"], found["frames"]["other_order"]) == (2, True)
    shown = run("diff", tmp_path / "a.pkl", tmp_path / "b.pkl").stdout
    assert "stand in another order" in shown and "SCENES IN B ALONE\nscene\nc/0" in shown.replace(" \n", "\n")


def test_a_revision_that_changed_is_told_as_another_scene_with_the_same_frames(tmp_path: Path) -> None:
    found = against(tmp_path, *(dataclasses.replace(one, scene="a/9") for one in info().frames[:3]), info().frames[3])
    assert found["frames"]["in_other_scenes"] == 3
    assert (found["scenes"]["only_a"], found["scenes"]["only_b"]) == (["a/0"], ["a/9"])


def test_a_frame_that_is_there_twice_is_another_frame(tmp_path: Path) -> None:
    found = against(tmp_path, info().frames[0], *info().frames)
    assert [row["token"] for row in found["frames"]["only_b"]] == ["a/0@0"]
    assert found["instances"]["changes"] == []


def test_classes_in_another_order_are_metainfo_and_no_change_of_boxes(tmp_path: Path) -> None:
    turned = np.array([2, 1, 0, -1])  # truck, car, pedestrian -> indices of the reversed list; -1 stays
    frames = tuple(
        dataclasses.replace(
            one,
            instances=dataclasses.replace(one.instances, labels=turned[one.instances.labels]),
            predictions=one.predictions and dataclasses.replace(one.predictions, labels=turned[one.predictions.labels]),
        )
        for one in info().frames
    )
    other = Info(tuple(reversed(info().classes)), "base", frames, info().extra)
    found = compared(written(tmp_path / "a.pkl"), written(tmp_path / "b.pkl", other))
    assert [row["name"] for row in found["metainfo"]] == ["classes"]
    assert found["instances"]["changes"] == [] == found["predictions"]["changes"]


def test_predictions_that_are_gone_are_no_predictions_that_are_none(tmp_path: Path) -> None:
    *others, last = info().frames
    found = against(tmp_path, *others, dataclasses.replace(last, predictions=None))["predictions"]
    assert (found["frames_only_a"], found["frames_only_b"]) == (1, 0)
    assert sum(row["only_a"] for row in found["classes"]) == 2
    rows = dataclasses.replace(last.predictions, scores=np.array([0.5, 0.75]))
    found = against(tmp_path, *others, dataclasses.replace(last, predictions=rows))["predictions"]
    assert [(row["what"], row["most"]) for row in found["changes"]] == [("score", 0.25)]


def test_boxes_that_are_nowhere_are_compared_all_the_same(tmp_path: Path) -> None:
    nowhere = moved(0, math.nan)
    a = written(tmp_path / "a.pkl", info(frames=(dataclasses.replace(info().frames[0], **boxes(boxes=nowhere)),)))
    assert compared(a, a)["same"]
    b = written(tmp_path / "b.pkl", info(frames=info().frames[:1]))
    (change,) = compared(a, b)["instances"]["changes"]
    assert (change["what"], change["boxes"], change["most"]) == ("centre", 1, None)


def test_quiet_says_it_by_the_exit_code_alone(tmp_path: Path) -> None:
    a, b = written(tmp_path / "a.pkl"), written(tmp_path / "b.pkl", info(version="other"))
    for other, code in ((a, 0), (b, 1)):
        done = run("diff", a, other, "-q")
        assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_what_cannot_be_compared_ends_as_diff_does_with_2(tmp_path: Path) -> None:
    a = written(tmp_path / "a.pkl")
    assert "camera's coordinates" in refused("diff", a, kitti(tmp_path / "k.pkl"), code=2)
    assert "no such" in refused("diff", tmp_path / "missing.pkl", a, code=2)
    assert "--near" in refused("diff", a, a, "--near", "nan", code=2)
    assert "--tolerance" in refused("diff", a, a, "--tolerance", "-1", code=2)
    assert compared(a, nuscenes(tmp_path / "n.pkl"))["frames"]["both"] == 0
