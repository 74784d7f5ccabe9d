"""`t4zoo info convert`: pickles and their twins byte for byte, foreign layouts key by key, and what is left out."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t4zoo import parquet
from t4zoo.info import load
from t4zoo.info_files.unknown import FRAME, INSTANCE, POINTS, PREDICTION, SWEEP
from tests.info_files.files import awml, dumped, info, kitti, nuscenes, refused, run, written


def converted(*arguments: object) -> str:
    """What was said on the way."""
    done = run("convert", *arguments)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return done.stderr


def plain(path: Path) -> Any:
    return pickle.loads(path.read_bytes())


def test_there_and_back_again_gives_the_same_bytes(tmp_path: Path) -> None:
    a = written(tmp_path / "a.pkl")
    said = converted(a, tmp_path / "a.parquet")
    assert said == f"wrote {tmp_path / 'a.parquet'}: 4 frames\n"
    converted(tmp_path / "a.parquet", tmp_path / "b.pkl")
    converted(tmp_path / "b.pkl", tmp_path / "b.parquet")
    converted(a, tmp_path / "c.pkl")
    assert (tmp_path / "b.pkl").read_bytes() == a.read_bytes() == (tmp_path / "c.pkl").read_bytes()
    assert (tmp_path / "b.parquet").read_bytes() == (tmp_path / "a.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "a.pkl", "b.parquet", "b.pkl", "c.pkl"]


def test_the_bytes_are_the_same_under_any_hash_seed(tmp_path: Path) -> None:
    source = nuscenes(tmp_path / "n.pkl")
    found = set()
    for seed in ("0", "1", "4294967295"):
        for suffix in (".parquet", ".pkl"):
            out = tmp_path / f"{seed}{suffix}"
            command = [sys.executable, "-m", "t4zoo", "info", "convert", str(source), str(out)]
            done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            found.add((suffix, out.read_bytes(), done.stderr.replace(str(out), "")))
    assert len(found) == 2


def test_an_info_file_of_stages_is_its_twin_and_nothing_else(tmp_path: Path) -> None:
    """The twin that predict writes beside its .pkl is the one that convert makes of it."""
    parquet.save(tmp_path / "written.parquet", info())
    converted(written(tmp_path / "a.pkl"), tmp_path / "made.parquet")
    assert (tmp_path / "made.parquet").read_bytes() == (tmp_path / "written.parquet").read_bytes()


def test_what_we_understand_is_what_we_write(tmp_path: Path) -> None:
    record = plain(written(tmp_path / "a.pkl"))["data_list"][3]
    sweep = plain(tmp_path / "a.pkl")["data_list"][2]["lidar_sweeps"][0]
    constant = {"radar_points", "image_sweeps", "instances_ignore", "pts_semantic_mask_path", "pts_instance_mask_path"}
    assert record.keys() == FRAME | constant
    assert (record["lidar_points"].keys(), sweep.keys()) == (POINTS, SWEEP | {"images"})
    assert sweep["lidar_points"].keys() == POINTS | {"lidar2sensor"}
    assert (record["instances"][0].keys(), record["pred_instances_3d"][0].keys()) == (INSTANCE, PREDICTION)


def test_awmls_file_comes_back_as_awmls(tmp_path: Path) -> None:
    """By way of ours and of Parquet: every key and every value, but for numpy's types, padding and absent cameras."""
    given = plain(awml(tmp_path / "awml.pkl"))
    assert "left out" not in converted(tmp_path / "awml.pkl", tmp_path / "a.parquet")
    converted(tmp_path / "a.parquet", tmp_path / "back.pkl", "--to", "awml")
    found = plain(tmp_path / "back.pkl")
    assert found["metainfo"] == given["metainfo"]
    for ours, theirs in zip(found["data_list"], given["data_list"], strict=True):
        assert ours.keys() == theirs.keys()
        for row, wanted in zip(ours["instances"], theirs["instances"], strict=True):
            assert row | {"gt_attrs": [name for name in row["gt_attrs"] if name]} == wanted
        for sweep, wanted in zip(ours["lidar_sweeps"], theirs["lidar_sweeps"], strict=True):
            points, numbers = sweep["lidar_points"], wanted["lidar_points"]
            assert points == numbers | {"lidar2ego": numbers["lidar2ego"].tolist()}
            assert (sweep["ego2global"], sweep["images"]) == (wanted["ego2global"], {})
        derived = {"instances", "lidar_sweeps", "vehicle_type"}
        assert {k: v for k, v in ours.items() if k not in derived} == {
            k: v for k, v in theirs.items() if k not in derived
        }


def test_the_layout_of_mmdet3d_has_the_keys_of_its_own_converter(tmp_path: Path) -> None:
    converted(written(tmp_path / "a.pkl"), tmp_path / "m.pkl", "--to", "mmdet3d")
    found = plain(tmp_path / "m.pkl")
    assert found["metainfo"] == {
        "classes": ["car", "truck", "pedestrian"],
        "version": "base",
        "categories": {"car": 0, "truck": 1, "pedestrian": 2},
        "dataset": "t4",
        "info_version": "1.1",
    }
    box = {"bbox_label", "bbox_3d", "bbox_3d_isvalid", "bbox_label_3d", "num_lidar_pts", "num_radar_pts", "velocity"}
    for record in found["data_list"]:
        assert record.keys() - {"pred_instances_3d"} == {
            "sample_idx", "token", "timestamp", "ego2global", "images", "lidar_points", "lidar_sweeps", "instances",
        }  # fmt: skip
        assert all(row.keys() == box for row in record["instances"])
        assert list(record["images"]) == ["CAM_FRONT"]  # mmdet3d would join the path of an image that is not there
    shown = json.loads(run("show", tmp_path / "m.pkl", "--json").stdout)
    assert (shown["layout"], shown["classes"], shown["not_understood"]) == ("mmdet3d", list(info().classes), {})
    converted(tmp_path / "m.pkl", tmp_path / "again.pkl", "--to", "mmdet3d")
    assert (tmp_path / "again.pkl").read_bytes() == (tmp_path / "m.pkl").read_bytes()


def test_mmdet3ds_own_file_becomes_ours_and_what_is_lost_is_named(tmp_path: Path) -> None:
    said = converted(nuscenes(tmp_path / "n.pkl"), tmp_path / "n.parquet")
    assert "left out: cam_instances, of 2 frames\n" in said
    assert "left out: instances.bbox_3d_isvalid, where it is not num_lidar_pts > 0, of 1 frames\n" in said
    converted(tmp_path / "n.parquet", tmp_path / "ours.pkl")
    found = load(tmp_path / "ours.pkl")
    assert (found.classes, found.version) == (("car", "truck", "pedestrian"), "v1.0-mini")
    assert found.extra == {"dataset": "nuscenes", "info_version": "1.1"}
    assert found.frames[0].instances.labels.tolist() == [0, 2]
    assert np.isnan(found.frames[0].instances.velocities[1]).all()
    assert found.frames[1].sweeps[0].num_pts_feats == 5


def test_a_layout_that_is_not_understood_is_not_converted(tmp_path: Path) -> None:
    for suffix in ("pkl", "parquet"):
        said = refused("convert", kitti(tmp_path / "k.pkl"), tmp_path / f"out.{suffix}", code=1)
        assert "its frames are not understood: its boxes are in the camera's coordinates" in said
    old = {"metainfo": {"CLASSES": ["car"], "version": "x"}, "data_list": [{"token": "a"}]}
    assert "width came before" in refused("convert", dumped(tmp_path / "old.pkl", old), tmp_path / "out.pkl", code=1)
    gaps = {"metainfo": {"categories": {"car": 0, "bus": 5}, "version": "x"}, "data_list": [{"token": "a"}]}
    assert "not 0, 1, 2" in refused("convert", dumped(tmp_path / "gaps.pkl", gaps), tmp_path / "out.pkl", code=1)
    assert not list(tmp_path.glob("out*")) and not list(tmp_path.glob(".out*"))


def test_a_wrong_use_is_told_before_anything_is_read(tmp_path: Path) -> None:
    a = written(tmp_path / "a.pkl")
    (tmp_path / "folder.pkl").mkdir()
    (tmp_path / "link.pkl").symlink_to(a)
    before = a.read_bytes()
    for arguments, reason in (
        ((a, tmp_path / "b.json"), "let it end in .pkl or .parquet"),
        ((a, tmp_path / "b.pkl", "--to", "kitti"), "choose from t4zoo, awml, mmdet3d"),
        ((a, tmp_path / "b.parquet", "--to", "awml"), "reads pickles only"),
        ((a, tmp_path / "folder.pkl"), "a folder"),
        ((a, a), "is the file that is to be read"),
        ((a, tmp_path / "link.pkl"), "is the file that is to be read"),
        ((tmp_path / "a.json", tmp_path / "b.pkl"), "ends in .pkl or .parquet"),
    ):
        assert reason in refused("convert", *arguments, code=2)
    assert "no such info file" in refused("convert", tmp_path / "none.pkl", tmp_path / "b.pkl", code=1)
    assert a.read_bytes() == before and not (tmp_path / "b.pkl").exists()


@pytest.mark.parametrize(
    ("images", "reason"),
    [({1: "a"}, "the key 1 is no text"), ({"CAM": b"bytes"}, "builtins only"), ({"CAM": {"a", "b"}}, "builtins only")],
)
def test_a_frame_that_has_no_place_leaves_the_file_that_was_there(tmp_path: Path, images: Any, reason: str) -> None:
    data = plain(written(tmp_path / "a.pkl"))
    data["data_list"][2]["images"] = images
    odd = dumped(tmp_path / "odd.pkl", data)
    (tmp_path / "out.parquet").write_text("here")
    assert reason in refused("convert", odd, tmp_path / "out.parquet", code=1)
    assert (tmp_path / "out.parquet").read_text() == "here"
    if reason == "builtins only":
        assert reason in refused("convert", odd, tmp_path / "out.pkl", code=1)
    assert not list(tmp_path.glob(".out*"))
