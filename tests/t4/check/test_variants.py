"""Legitimate variants of T4 raise no alarm."""

import json
import os
import shutil
from pathlib import Path

import pytest

from t4zoo.t4.check.scene import check_scene
from tests.t4.check.spoilers import (
    NEW,
    bare,
    boxes,
    cloud,
    columns,
    every,
    good_scene,
    infos,
    more,
    nth,
    one_box,
    swap,
    text,
    times,
    together,
    unseen_shift,
)
from tests.t4.scenes import edit, table


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return good_scene(tmp_path)


def quiet(folder: Path) -> bool:
    report = check_scene(folder)
    assert report.counts == {}, [finding.line() for finding in report.findings]
    return True


def test_a_scene_that_nobody_annotated(scene: Path):
    assert quiet(bare(scene))


def test_a_velocity_that_is_null_or_absent(scene: Path):
    every("sample_annotation", velocity=None)(scene)
    assert quiet(scene)
    edit(scene, "sample_annotation", lambda rows: [row.pop("velocity") for row in rows])
    assert quiet(scene)


@pytest.mark.parametrize(
    "level", ["full", "most", "partial", "none", "unavailable", "v80-100", "v60-80", "v40-60", "v0-40"]
)
def test_old_and_new_names_of_visibility(scene: Path, level: str):
    every("visibility", level=level)(scene)
    assert quiet(scene)


def test_a_scene_without_a_revision_folder(scene: Path, tmp_path: Path):
    shutil.move(scene, tmp_path / "a scene, without revision ä")
    assert quiet(tmp_path / "a scene, without revision ä")


def test_a_lidar_in_its_own_turned_frame_and_boxes_without_velocity(workspace: Path):
    scenes = list((workspace / "data" / "db_sample_x2_v1").glob("*/0"))
    for folder in scenes:
        assert table(folder, "sensor")[0]["channel"] == "LIDAR_TOP"
        assert abs(table(folder, "calibrated_sensor")[0]["rotation"][3]) > 0.5
        assert quiet(folder)
    assert scenes


def test_a_lidar_top_in_the_frame_of_the_ego(scene: Path):
    every("sensor", channel="LIDAR_TOP")(scene)
    assert quiet(scene)


@pytest.mark.parametrize("start", [315_532_800_000_000, 315_964_800_000_000])  # 1980-01-01, and GPS's first day
def test_a_clock_that_starts_in_1980(scene: Path, start: int):
    times(lambda stamp: stamp - 1_700_000_000_000_000 + start)(scene)
    assert quiet(scene)


@pytest.mark.parametrize("features", [4, 6, 7, 8])
def test_clouds_of_other_numbers_of_values_that_their_info_files_name(scene: Path, features: int):
    bare(scene)
    together(columns(features), infos(features))(scene)
    assert quiet(scene)


def test_an_info_file_with_sources(scene: Path):
    infos(5, lambda n: [{"idx_begin": 0, "length": 100}, {"idx_begin": 100, "length": n - 100}])(scene)
    assert quiet(scene)


def test_a_cloud_in_any_order_of_its_points(scene: Path):
    bare(scene)
    cloud(1, lambda points: points[::-1])(scene)
    cloud(2, lambda points: points[points[:, 0].argsort()])(scene)
    cloud(3, lambda points: points[(points[:, 1] * 1e6 % 1).argsort()])(scene)
    assert quiet(scene)


def test_sweeps_between_key_frames(scene: Path):
    def change(rows):
        for row in rows[1::2]:
            row["is_key_frame"] = False
            row["sample_token"] = rows[0]["sample_token"] if row is rows[1] else rows[2]["sample_token"]

    samples = table(bare(scene), "sample")[::2]
    samples[0]["next"], samples[1]["prev"] = samples[1]["token"], samples[0]["token"]
    samples[1]["next"] = ""
    text("sample", json.dumps(samples))(scene)
    every("scene", nbr_samples=2, last_sample_token=samples[1]["token"])(scene)
    edit(scene, "sample_data", change)
    assert quiet(scene)


def test_a_file_that_is_called_invalid_need_not_be_there(scene: Path):
    nth(1, "sample_data", is_valid=False)(scene)
    (scene / "data/LIDAR_CONCAT/00001.pcd.bin").unlink()
    assert quiet(scene)


def test_an_object_that_is_seen_in_images_only(scene: Path):
    empty = {"nbr_annotations": 0, "first_annotation_token": "", "last_annotation_token": ""}
    more("instance", token=NEW, **empty)(scene)
    assert quiet(scene)


def test_boxes_of_models_with_their_names_and_scores(scene: Path):
    model = {"name": "CenterPoint/t4base@v1.0.0", "score": 0.71, "uncertainty": None}
    every("sample_annotation", automatic_annotation=True, autolabel_metadata=[model])(scene)
    assert quiet(scene)


def test_odd_boxes_of_a_model_are_worth_a_look_and_no_fault_of_the_data(scene: Path):
    every("sample_annotation", automatic_annotation=True, autolabel_metadata=[{"name": "a", "score": 0.3}])(scene)
    together(boxes("car", swap, most=99), one_box(unseen_shift(60.0), lambda row: row["prev"] and row["next"]))(scene)
    report = check_scene(scene)
    assert {"GEO004", "GEO013"} <= set(report.counts)
    assert report.total("error") == 0


def test_files_that_are_links_into_dvcs_store(scene: Path, tmp_path: Path):
    store = tmp_path / ".dvc" / "cache" / "files" / "md5"
    store.mkdir(parents=True)
    for number, path in enumerate([*(scene / "annotation").iterdir(), *(scene / "data/LIDAR_CONCAT").iterdir()]):
        path.rename(store / str(number))
        path.symlink_to(store / str(number))
    assert quiet(scene)


def test_a_pseudo_scene_whose_data_is_another_scenes(scene: Path, tmp_path: Path):
    shutil.move(scene / "data", tmp_path / "raw")
    (scene / "data").symlink_to(os.path.relpath(tmp_path / "raw", scene), target_is_directory=True)
    assert quiet(scene)


def test_optional_tables_and_files_beside_the_tables(scene: Path):
    text("vehicle_state", '[{"token": "a", "timestamp": 1, "shift_state": "PARK"}]')(scene)
    (scene / "annotation" / ".gitkeep").touch()
    assert quiet(scene)


def test_a_scene_at_two_hertz_with_one_sample_only(scene: Path):
    slow = times(lambda stamp: 1_700_000_000_000_000 + (stamp - 1_700_000_000_000_000) * 5)
    slow(bare(scene))
    assert quiet(scene)


def test_a_byte_order_mark(scene: Path):
    path = scene / "annotation" / "log.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert quiet(scene)
