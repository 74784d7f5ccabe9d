"""`t4zoo info show`: what a file holds, whoever wrote it and in whichever form, and what is not understood of it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t4zoo import parquet
from tests.info_files.files import CLASSES, awml, dumped, info, kitti, nuscenes, refused, run, written


def told(*arguments: object) -> dict[str, Any]:
    done = run("show", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return found


def test_a_file_is_told_as_it_is_counted_by_hand(tmp_path: Path) -> None:
    found = told(written(tmp_path / "info.pkl"))
    assert (found["layout"], found["format"], found["version"]) == ("t4zoo", "pickle", "base")
    assert found["classes"] == list(CLASSES)
    assert found["metainfo"] == {"max_sweeps": 2, "labels": "t4"}
    assert (found["frames"], found["images"], found["predicted_frames"]) == (4, 4, 1)
    assert found["scenes"] == [
        {"scene": "a/0", "frames": 3, "objects": 9},
        {"scene": "b/1", "frames": 1, "objects": 2},
    ]
    assert found["objects"] == [
        {"class": "car", "objects": 6, "without_points": 3, "predicted": 1},
        {"class": "truck", "objects": 3, "without_points": 0, "predicted": 0},
        {"class": "pedestrian", "objects": 1, "without_points": 1, "predicted": 1},
        {"class": "(no class)", "objects": 1, "without_points": 0, "predicted": 0},
    ]
    assert found["categories"] == {"vehicle.-1": 1, "vehicle.0": 6, "vehicle.1": 3, "vehicle.2": 1}
    assert found["sweeps"] == {"0": 2, "1": 1, "2": 1}
    assert (found["from_s"], found["to_s"], found["point_features"]) == (1.7e9, 1.7e9 + 0.2, [5])
    assert found["not_understood"] == {}


def test_the_parquet_twin_is_told_the_same(tmp_path: Path) -> None:
    parquet.save(tmp_path / "info.parquet", info())
    own = {"file", "bytes", "format"}
    twin, pickled = told(tmp_path / "info.parquet"), told(written(tmp_path / "info.pkl"))
    assert twin["format"] == "parquet"
    assert {k: v for k, v in twin.items() if k not in own} == {k: v for k, v in pickled.items() if k not in own}


def test_awmls_file_is_understood(tmp_path: Path) -> None:
    found, ours = told(awml(tmp_path / "awml.pkl")), told(written(tmp_path / "info.pkl"))
    assert (found["layout"], found["metainfo"], found["not_understood"], found["doubts"]) == ("AWML", {}, {}, [])
    assert [found[name] for name in ("objects", "scenes", "sweeps")] == [
        ours[name] for name in ("objects", "scenes", "sweeps")
    ]


def test_mmdet3ds_nuscenes_file_is_understood_but_for_what_is_named(tmp_path: Path) -> None:
    found = told(nuscenes(tmp_path / "nuscenes.pkl"))
    assert (found["layout"], found["version"], found["metainfo"]["dataset"]) == ("mmdet3d", "v1.0-mini", "nuscenes")
    assert found["classes"] == ["car", "truck", "pedestrian"]
    assert [row["objects"] for row in found["objects"]] == [1, 0, 1]
    assert found["not_understood"] == {
        "cam_instances": 2,
        "instances.bbox_3d_isvalid, where it is not num_lidar_pts > 0": 1,
    }


def test_kittis_file_is_counted_and_its_doubts_are_named(tmp_path: Path) -> None:
    found = told(kitti(tmp_path / "kitti.pkl"))
    assert found["doubts"] == ["its boxes are in the camera's coordinates, as KITTI's are"]
    assert [(row["class"], row["objects"]) for row in found["objects"]] == [
        ("Pedestrian", 0),
        ("Cyclist", 0),
        ("Car", 1),
    ]
    assert {"lidar_points.Tr_velo_to_cam", "instances.bbox", "instances.depth"} <= found["not_understood"].keys()
    assert found["from_s"] is None
    assert "camera's coordinates" in run("show", tmp_path / "kitti.pkl").stdout


def test_a_person_sees_the_same_in_words(tmp_path: Path) -> None:
    shown = run("show", written(tmp_path / "info.pkl")).stdout
    assert "version base; 4 frames of 2 scenes" in shown
    assert "earlier clouds: 0 in 2 frames, 1 in 1 frames, 2 in 1 frames; images: 4" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith("car")] == [["car", "6", "3", "1"]]
    assert "NOT UNDERSTOOD" not in shown
    assert "cam_instances" in run("show", nuscenes(tmp_path / "nuscenes.pkl")).stdout


@pytest.mark.parametrize("suffix", [".pkl", ".parquet"])
@pytest.mark.parametrize("wanted", ["3", "b/1@0"])
def test_one_frame_is_found_by_place_and_by_token(tmp_path: Path, suffix: str, wanted: str) -> None:
    path = tmp_path / f"info{suffix}"
    written(path) if suffix == ".pkl" else parquet.save(path, info())
    found = told(path, "--frame", wanted)
    record = pickle.loads(written(tmp_path / "plain.pkl").read_bytes())["data_list"][3]
    assert found == {"place": 3, "frame": record}
    shown = run("show", path, "--frame", wanted).stdout
    assert "token: b/1@0" in shown and "INSTANCES" in shown and "PREDICTIONS" in shown
    assert "vehicle.2" in shown


@pytest.mark.parametrize("wanted", ["4", "-1", "nobody", "9" * 5000, "\uff11"])
def test_a_frame_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, wanted: str) -> None:
    said = refused("show", written(tmp_path / "info.pkl"), "--frame", wanted, code=2)
    assert "has no frame" in said and "from 0 to 3" in said


def test_a_file_without_frames_is_told_to_have_none(tmp_path: Path) -> None:
    empty = written(tmp_path / "info.pkl", info(frames=()))
    assert told(empty)["frames"] == 0
    assert "has no frames" in refused("show", empty, "--frame", "0", code=2)


NO_INFO: dict[str, tuple[Any, str]] = {
    "a number": (5, "no info file; one holds a `metainfo` and a `data_list`"),
    "a list of KITTI's old files": ([{"image": {}}], "update_infos_to_v2.py"),
    "an old file": ({"infos": [], "metadata": {"version": "x"}}, "update_infos_to_v2.py"),
    "a data base of objects": ({"car": [{"path": "x"}]}, "no info file"),
    "no metainfo": ({"data_list": []}, "its metainfo is nothing"),
    "no classes": ({"data_list": [], "metainfo": {"version": "x"}}, "neither classes nor categories"),
    "classes that are a text": ({"data_list": [], "metainfo": {"classes": "car"}}, "its classes are a str"),
    "a version that is a list": ({"data_list": [], "metainfo": {"classes": [], "version": []}}, "version is a list"),
    "labels that are texts": ({"data_list": [], "metainfo": {"categories": {"car": "0"}}}, "categories are a dict"),
    "a frame that is a number": ({"data_list": [{}, 5], "metainfo": {"classes": []}}, "frame 1 breaks the info layout"),
    "boxes that are numbers": (
        {"data_list": [{"instances": [5]}], "metainfo": {"classes": []}},
        "frame 0 breaks the info layout",
    ),
    "a time that is a word": (
        {"data_list": [{"timestamp": "noon"}], "metainfo": {"classes": []}},
        "frame 0 breaks the info layout",
    ),
    "valid by an array": (
        {"data_list": [{"instances": [{"bbox_label": np.zeros(2), "bbox_label_3d": 1}]}], "metainfo": {"classes": []}},
        "frame 0 breaks the info layout",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", NO_INFO)
def test_what_is_no_info_file_is_told_as_what_it_is(tmp_path: Path, what: str) -> None:
    content, reason = NO_INFO[what]
    said = refused("show", dumped(tmp_path / "odd.pkl", content), code=1)
    assert "odd.pkl" in said and reason in said


def test_a_name_that_is_no_info_files_is_a_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "info.json").write_text("{}")
    (tmp_path / "folder.pkl").mkdir()
    assert "ends in .pkl or .parquet" in refused("show", tmp_path / "info.json", code=2)
    assert "a folder" in refused("show", tmp_path / "folder.pkl", code=2)
    for suffix in (".pkl", ".parquet"):
        assert "dvc pull" in refused("show", tmp_path / f"missing{suffix}", code=1)


def test_a_strangers_words_do_not_reach_the_terminal_as_orders(tmp_path: Path) -> None:
    odd = written(tmp_path / "info.pkl", info(version="\x1b[2Jgone", extra={"a\x1b[1m": "\x9b2J"}))
    for arguments in (["show", odd], ["show", odd, "--frame", "0"], ["show", odd, "--json"]):
        shown = run(*arguments).stdout
        assert shown and "\x1b" not in shown and "\x9b" not in shown
