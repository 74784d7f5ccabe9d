import dataclasses
import json
import math
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks.town import CAMERAS, Town, write_town_scene
from t4zoo.geometry import apply, inverse
from t4zoo.points import read_points
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import LabelMap, read_labels
from t4zoo.t4.reader import ReadError, read_scene
from tests.t4.scenes import GIVEN, ROOT, ask_nuscenes, ask_nuscenes_for_poses, edit, table

CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")


@pytest.fixture(scope="module")
def labels() -> LabelMap:
    return read_labels(yaml.safe_load((ROOT / "conf" / "labels" / "t4.yaml").read_text()), CLASSES)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    shutil.copytree(GIVEN / "synth_1", tmp_path / "synth_1")
    return tmp_path / "synth_1" / "0"


def folders(workspace: Path) -> list[Path]:
    ours = sorted(path.parent for path in (workspace / "data").glob("db_*/*/*/annotation"))
    return [*ours, GIVEN / "synth_1" / "0", GIVEN / "t4devkit_sample"]


def test_boxes_and_velocities_in_the_lidar_frame_are_nuscenes_devkits(workspace: Path, labels: LabelMap):
    answer = ask_nuscenes(*folders(workspace))
    compared = Counter[str]()
    for folder in folders(workspace):
        read = read_scene(folder)
        annotated = {(row.instance_token, row.sample_token): row.velocity for row in read.tables.sample_annotation}
        for frame in frames_of(read, "db", FrameSettings(labels, 1)):
            theirs = {row["instance"]: row for row in answer[str(folder)][frame.token]}
            assert set(theirs) == set(frame.instances.tokens)
            for i, token in enumerate(frame.instances.tokens):
                box, velocity = theirs[token]["box"], theirs[token]["velocity"]
                np.testing.assert_allclose(frame.instances.boxes[i, :6], box[:6], atol=1e-6)
                turn = frame.instances.boxes[i, 6] - box[6]
                assert math.cos(turn) == pytest.approx(1.0, abs=1e-12)
                if velocity[0] is None and annotated[token, frame.token] is not None:
                    assert not np.isnan(frame.instances.velocities[i]).any()
                    continue  # a single annotation that carries its velocity: the devkit does not read it
                expected = [math.nan if value is None else value for value in velocity]
                np.testing.assert_allclose(frame.instances.velocities[i], expected, atol=1e-6)
                compared[folder.parent.parent.name] += 1
                compared["velocity"] += velocity[0] is not None
                if "t4devkit" not in str(folder):  # whose counts are invented
                    assert frame.instances.num_lidar_pts[i] == theirs[token]["points"]
    assert compared["db_sample_v1"] > 300
    assert compared["db_sample_x2_v1"] > 200  # these annotations have no velocity, and a turned and tilted lidar
    assert compared["velocity"] > 600


def test_poses_sweeps_and_cameras_are_nuscenes_devkits(workspace: Path, labels: LabelMap):
    answer = ask_nuscenes_for_poses(*folders(workspace))
    compared = Counter[str]()
    for folder in folders(workspace):
        for frame in frames_of(read_scene(folder), "db", FrameSettings(labels, 2)):
            theirs = answer[str(folder)][frame.token]
            np.testing.assert_allclose(frame.ego2global, theirs["ego2global"], atol=1e-6)
            np.testing.assert_allclose(frame.lidar2ego, theirs["lidar2ego"], atol=1e-6)
            assert len(frame.sweeps) == min(2, len(theirs["sweeps"]))
            for sweep, expected in zip(frame.sweeps, theirs["sweeps"], strict=False):
                np.testing.assert_allclose(sweep.lidar2sensor, expected, atol=1e-6)
                compared["sweeps"] += 1
            assert frame.images.keys() == theirs["cameras"].keys()
            for channel, image in frame.images.items():
                np.testing.assert_allclose(image["lidar2cam"], theirs["cameras"][channel], atol=1e-6)
                compared["cameras"] += 1
    assert compared["sweeps"] > 20
    assert compared["cameras"] > 2


def test_a_town_of_many_kinds_turned_cameras_and_trailers_is_nuscenes_devkits(tmp_path: Path, labels: LabelMap):
    write_town_scene(folder := tmp_path / "town" / "0", 7, Town(1, frames=6))
    answer, asked = ask_nuscenes(folder), ask_nuscenes_for_poses(folder)
    apart = dataclasses.replace(labels, merges=())
    for frame in frames_of(read_scene(folder), "db", FrameSettings(apart, 2, max_speed=99.0)):
        theirs = {row["instance"]: row for row in answer[str(folder)][frame.token]}
        assert set(theirs) == set(frame.instances.tokens)
        for i, token in enumerate(frame.instances.tokens):
            np.testing.assert_allclose(frame.instances.boxes[i, :6], theirs[token]["box"][:6], atol=1e-6)
            turn = frame.instances.boxes[i, 6] - theirs[token]["box"][6]
            assert math.cos(turn) == pytest.approx(1.0, abs=1e-12)
            if theirs[token]["velocity"][0] is not None:
                np.testing.assert_allclose(frame.instances.velocities[i], theirs[token]["velocity"], atol=1e-6)
        poses = asked[str(folder)][frame.token]
        assert list(frame.images) == sorted(CAMERAS) == sorted(poses["cameras"])
        for channel, image in frame.images.items():
            np.testing.assert_allclose(image["lidar2cam"], poses["cameras"][channel], atol=1e-6)
        for sweep, expected in zip(frame.sweeps, poses["sweeps"], strict=False):
            np.testing.assert_allclose(sweep.lidar2sensor, expected, atol=1e-6)
    merged = frames_of(read_scene(folder), "db", FrameSettings(labels, 2))
    assert sum(len(frame.instances) for frame in merged) < sum(len(rows) for rows in answer[str(folder)].values())


def test_a_single_annotation_has_no_velocity():
    (first, second, third) = frames_of(
        read_scene(GIVEN / "t4devkit_sample"), "db", FrameSettings(LabelMap(CLASSES, {"car": "car"}), 0)
    )
    known = dict(zip(first.instances.categories, first.instances.velocities.tolist(), strict=True))
    assert known["car"] == pytest.approx([2.0, 0.2])
    assert all(math.isnan(value) for value in known["pedestrian"])
    assert len(second.instances) == 2
    assert len(third.instances) == 0


def test_a_gap_of_more_than_one_and_a_half_seconds_says_nothing_about_velocity(scene: Path, labels: LabelMap):
    edit(scene, "sample_annotation", lambda rows: [row.pop("velocity") for row in rows])
    last = max(table(scene, "sample"), key=lambda row: row["timestamp"])["token"]
    edit(
        scene,
        "sample",
        lambda rows: [r.update(timestamp=r["timestamp"] + 2_000_000) for r in rows if r["token"] == last],
    )
    frames = frames_of(read_scene(scene), "db", FrameSettings(labels, 0))
    assert not np.isnan(frames[0].instances.velocities).any()
    assert not np.isnan(frames[2].instances.velocities).any()  # central: 2.1 s between two neighbours is within 3 s
    assert np.isnan(frames[3].instances.velocities).all()


def test_a_speed_beyond_reason_is_limited_and_keeps_its_direction(scene: Path, labels: LabelMap):
    edit(scene, "sample_annotation", lambda rows: rows[0].update(velocity=[300.0, 400.0, 5.0]))
    frames = frames_of(read_scene(scene), "db", FrameSettings(labels, 0, max_speed=50.0))
    assert [30.0, 40.0] in frames[0].instances.velocities.round(9).tolist()


def test_sweeps_bring_standing_things_where_they_are_now(workspace: Path, labels: LabelMap):
    # Walls and the ground stand still, so a sweep's points must lie on the key cloud's surfaces.
    folder = next(iter(sorted((workspace / "data" / "db_sample_x2_v1").glob("*/0"))))
    frames = frames_of(read_scene(folder), "db_sample_x2_v1", FrameSettings(labels, 2))
    assert [len(frame.sweeps) for frame in frames] == [0, 1, 2]
    last = frames[2]
    assert [sweep.timestamp for sweep in last.sweeps] == [frames[1].timestamp, frames[0].timestamp]
    cloud = read_points(workspace / "data" / last.lidar_path)[:, :3]
    sweep = last.sweeps[1]
    points = apply(inverse(sweep.lidar2sensor), read_points(workspace / "data" / sweep.lidar_path)[:, :3])
    in_map = apply(last.ego2global @ last.lidar2ego, points)
    straight = apply(sweep.ego2global @ sweep.lidar2ego, read_points(workspace / "data" / sweep.lidar_path)[:, :3])
    np.testing.assert_allclose(in_map, straight, atol=1e-4)
    ground = apply(last.lidar2ego, points)[:, 2]
    assert np.abs(np.percentile(ground, 20)) < 0.03
    assert not np.allclose(sweep.lidar2sensor, np.eye(4), atol=1e-2)
    assert len(cloud)


def test_no_sweeps_are_given_where_none_are_wanted(labels: LabelMap):
    frames = frames_of(read_scene(GIVEN / "synth_1"), "db", FrameSettings(labels, 0))
    assert [frame.sweeps for frame in frames] == [()] * 4


def test_every_second_sample_can_be_taken_and_sweeps_still_come_from_all_clouds(labels: LabelMap):
    frames = frames_of(read_scene(GIVEN / "synth_1"), "db", FrameSettings(labels, 1, sample_steps=2))
    assert [frame.sample_idx for frame in frames] == [0, 2]
    assert frames[1].timestamp - frames[1].sweeps[0].timestamp == pytest.approx(0.1, abs=1e-6)


def test_paths_begin_with_the_dataset_and_name_the_scene(labels: LabelMap):
    frame = frames_of(read_scene(GIVEN / "synth_1"), "db_x_v1", FrameSettings(labels, 0), "odaiba", "j6gen2")[0]
    assert frame.lidar_path == "db_x_v1/synth_1/0/data/LIDAR_CONCAT/00000.pcd.bin"
    assert (frame.scene, frame.city, frame.vehicle_type, frame.location) == ("synth_1/0", "odaiba", "j6gen2", "nowhere")


def test_a_scene_without_boxes_gives_frames_for_auto_labelling():
    (frame,) = frames_of(read_scene(GIVEN / "real_vls128_nonannotated"), "raw", FrameSettings(None, 2))
    assert len(frame.instances) == 0
    assert frame.lidar_path.startswith("raw/real_vls128_nonannotated/0/")


def test_cameras_come_with_their_calibration(labels: LabelMap):
    frame = frames_of(read_scene(GIVEN / "t4devkit_sample"), "db", FrameSettings(labels, 0))[0]
    assert list(frame.images) == ["CAM_BACK", "CAM_FRONT"]
    front = frame.images["CAM_FRONT"]
    assert front["img_path"] == "db/t4devkit_sample/data/CAM_FRONT/001.jpg"
    assert (front["width"], front["height"], front["cam2img"][0].tolist()) == (800, 600, [800.0, 0.0, 400.0])
    # the lidar sits 2 m up, the camera at x 1.5, z 1.8, and neither is turned
    np.testing.assert_allclose(front["lidar2cam"][:3, 3], [-1.5, 0, 0.2], atol=1e-12)
    assert frame.lidar_sources["LIDAR_TOP"]["translation"] == [0.0, 0.0, 2.0]


def test_the_cameras_that_are_asked_for_are_in_every_frame_and_hold_nothing_where_there_are_none(labels: LabelMap):
    wanted = ("CAM_FRONT", "CAM_LEFT")
    frame = frames_of(read_scene(GIVEN / "t4devkit_sample"), "db", FrameSettings(labels, 0, cameras=wanted))[0]
    assert list(frame.images) == ["CAM_FRONT", "CAM_LEFT"]
    assert frame.images["CAM_FRONT"]["img_path"] == "db/t4devkit_sample/data/CAM_FRONT/001.jpg"
    assert set(frame.images["CAM_LEFT"].values()) == {None}
    assert frame.images["CAM_LEFT"].keys() == frame.images["CAM_FRONT"].keys()
    assert frames_of(read_scene(GIVEN / "synth_1"), "db", FrameSettings(labels, 0, cameras=wanted))[
        0
    ].images.keys() == {*wanted}


def test_a_tractor_and_its_trailer_become_one_truck(scene: Path, labels: LabelMap):
    rows = table(scene, "sample_annotation")
    first = table(scene, "sample")[0]["token"]
    trucks = {r["token"] for r in table(scene, "category") if r["name"] == "truck"}
    truck = next(r for r in table(scene, "instance") if r["category_token"] in trucks)
    row = next(r for r in rows if r["sample_token"] == first and r["instance_token"] == truck["token"])
    trailer = row | {"token": "a" * 32, "instance_token": "b" * 32, "prev": "", "next": "", "num_lidar_pts": 5}
    edit(scene, "category", lambda all_: all_.append({"token": "c" * 32, "name": "semi_trailer", "description": ""}))
    edit(scene, "instance", lambda all_: all_.append(truck | {
        "token": "b" * 32, "category_token": "c" * 32, "nbr_annotations": 1, "instance_name": "trailer_1",
        "first_annotation_token": "a" * 32, "last_annotation_token": "a" * 32}))  # fmt: skip
    before = len([r for r in rows if r["sample_token"] == first])
    edit(scene, "sample_annotation", lambda all_: all_.append(trailer))
    after = frames_of(read_scene(scene), "db", FrameSettings(labels, 0))[0].instances
    assert len(after) == before  # one more was annotated
    i = after.tokens.index(truck["token"])
    assert (after.categories[i], after.labels[i]) == ("truck", 1)
    assert after.num_lidar_pts[i] == row["num_lidar_pts"] + 5


def test_a_parked_bicycle_is_ignored_and_keeps_its_box(workspace: Path, labels: LabelMap):
    frames = [
        frame
        for folder in sorted((workspace / "data" / "db_sample_v1").glob("*/0"))
        for frame in frames_of(read_scene(folder), "db", FrameSettings(labels, 0))
    ]
    seen = Counter(
        (int(label), "cycle_state.without_rider" in names)
        for frame in frames
        for label, names in zip(frame.instances.labels, frame.instances.attributes, strict=True)
    )
    assert seen[-1, True] > 0
    assert seen[-1, False] == 0
    assert seen[3, True] == 0
    assert seen[3, False] > 0


def test_an_invalid_cloud_gives_neither_a_frame_nor_a_sweep(scene: Path, labels: LabelMap):
    broken = read_scene(scene).samples[1].token
    edit(scene, "sample_data", lambda rows: [r.update(is_valid=False) for r in rows if r["sample_token"] == broken])
    frames = frames_of(read_scene(scene), "db", FrameSettings(labels, 1))
    assert [frame.sample_idx for frame in frames] == [0, 2, 3]
    assert frames[1].sweeps[0].timestamp == frames[0].timestamp


@pytest.mark.parametrize("content", [None, b"", b"\0" * 415501])
def test_a_missing_empty_or_truncated_cloud_names_the_scene_the_token_and_the_file(
    scene: Path, labels: LabelMap, content: bytes | None
):
    path = scene / "data" / "LIDAR_CONCAT" / "00002.pcd.bin"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ReadError, match=r"scene synth_1/0: table sample_data, token \w{32}: .*00002\.pcd\.bin"):
        frames_of(read_scene(scene), "db", FrameSettings(labels, 0))


def test_the_number_of_features_decides_what_a_whole_cloud_is(scene: Path, labels: LabelMap):
    (scene / "data" / "info.json").write_text(json.dumps({"num_pts_feats": 7}))
    edit(scene, "sample_data", lambda rows: rows[0].update(info_filename="data/info.json"))
    with pytest.raises(ReadError, match="7 float32"):
        frames_of(read_scene(scene), "db", FrameSettings(labels, 0))


def test_a_flat_box_names_its_token(scene: Path, labels: LabelMap):
    token = table(scene, "sample_annotation")[0]["token"]
    edit(scene, "sample_annotation", lambda rows: rows[0].update(size=[2.0, 0.0, 1.0]))
    with pytest.raises(ReadError, match=f"token {token}: size"):
        frames_of(read_scene(scene), "db", FrameSettings(labels, 0))


def test_sweeps_that_run_in_a_circle_are_refused(scene: Path, labels: LabelMap):
    edit(scene, "sample_data", lambda rows: [row.update(prev=rows[-1]["token"]) for row in rows])
    with pytest.raises(ReadError, match="circle"):
        frames_of(read_scene(scene), "db", FrameSettings(labels, 9))
