import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from t4zoo.geometry import inverse, rotation_from_quaternion, wrap, yaw_of
from t4zoo.points import read_points
from t4zoo.t4.dataset_list import SPLITS, read_dataset_list
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.instances import instances_of
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import read_scene
from t4zoo.t4.synth import MANIFEST, SampleError, further_plans, plans, truth_plans, write_samples
from t4zoo.t4.synth_scene import write_scene
from t4zoo.t4.world import CLASSES, SIGHT
from tests.t4.scenes import ROOT, ask_nuscenes, table

LABELS = LabelMap(CLASSES, {name: name for name in CLASSES})


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Path:
    """The whole sample data."""
    root = tmp_path_factory.mktemp("samples")
    write_samples(root)
    return root


@pytest.fixture(scope="module")
def seen(full):
    """All frames of the sets with boxes, by dataset."""
    return {
        plan.name: [
            (read, sample, frame)
            for scene in plan.scenes
            for read in [read_scene(full / plan.name / scene.id)]
            for sample, frame in zip(read.samples, frames_of(read, plan.name, FrameSettings(LABELS, 0)), strict=True)
        ]
        for plan in plans()
    }


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(f.relative_to(folder)).encode() + f.read_bytes() for f in files)).hexdigest()


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.name)
def test_the_lists_in_conf_name_exactly_what_is_written(plan, full: Path):
    listed = read_dataset_list(ROOT / "conf" / "dataset", plan.name)
    assert listed.dataset_version == plan.dataset_version
    assert {split: tuple(scene.key for scene in listed.splits[split]) for split in SPLITS} == {
        split: plan.split(split) for split in SPLITS
    }
    on_disk = {
        path.parent.relative_to(full / plan.name).as_posix() for path in (full / plan.name).glob("*/*/annotation")
    }
    assert on_disk == {scene.key for scene in plan.scenes}


def test_a_small_set_is_the_beginning_of_the_full_one():
    for small, whole in zip(plans(small=True), plans(), strict=True):
        for split in SPLITS:
            assert small.split(split) == whole.split(split)[:2]


def test_every_scene_loads_in_nuscenes_devkit_and_every_count_is_the_devkits(full: Path):
    scenes = sorted(path.parent for path in full.glob("*/*/*/annotation"))
    answer = ask_nuscenes(*scenes)
    boxes = [box for samples in answer.values() for rows in samples.values() for box in rows]
    assert len(answer) == len(scenes) == 64
    assert len(boxes) > 5000
    assert [box for box in boxes if box["points"] != box["written"]] == []


def test_the_same_data_are_made_by_another_process_under_another_hash_seed(workspace: Path, tmp_path: Path):
    program = "import sys; from pathlib import Path; from t4zoo.t4.synth import write_samples; "
    program += "write_samples(Path(sys.argv[1]), small=True)"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, env=environment, check=True)
    assert digest(tmp_path) == digest(workspace / "data")


def test_all_of_it_is_small_enough_to_make_at_will(full: Path):
    assert sum(path.stat().st_size for path in full.rglob("*") if path.is_file()) < 41e6


def test_every_class_is_near_the_ego_in_most_frames(seen):
    frames = [frame for _, _, frame in seen["db_sample_v1"]]
    for label, name in enumerate(CLASSES):
        near = [
            ((f.instances.labels == label) & (np.abs(f.instances.boxes[:, :2]) < 16).all(axis=1)).sum() for f in frames
        ]
        assert np.mean(near) >= 0.8, name


def test_some_boxes_hold_no_point_and_the_near_ones_mostly_do(seen):
    rows = [(frame.instances.boxes, frame.instances.num_lidar_pts) for _, _, frame in seen["db_sample_v1"]]
    boxes, counts = np.concatenate([b for b, _ in rows]), np.concatenate([c for _, c in rows])
    near = (np.abs(boxes[:, :2]) < 10).all(axis=1)
    assert (counts == 0).any()
    assert (counts[near] >= 5).mean() > 0.8
    assert np.hypot(boxes[:, 0], boxes[:, 1]).max() > 30


def test_headings_come_close_to_half_a_turn_from_both_sides(seen):
    yaws = np.concatenate([frame.instances.boxes[:, 6] for _, _, frame in seen["db_sample_v1"]])
    assert ((yaws > 3.1) & (yaws < math.pi)).any()
    assert ((yaws < -3.1) & (yaws >= -math.pi)).any()


def test_vehicles_head_along_the_side_of_the_road_that_they_are_on(seen):
    for _, _, frame in seen["db_sample_v1"]:
        rows = frame.instances
        driving = np.array(["vehicle_state.driving" in names for names in rows.attributes])
        buses = driving & (rows.labels == CLASSES.index("bus"))
        forward = np.cos(rows.boxes[buses, 6]) > 0
        # far ahead, the ego's own heading moves the lanes sideways, so only what is near tells the side
        near = np.abs(rows.boxes[buses, 0]) < 20
        np.testing.assert_array_equal(forward[near], rows.boxes[buses, 1][near] > -1.85 - 1.0)


def test_the_ego_and_others_move_as_their_velocities_say(seen):
    moving = 0
    for read, _, _ in seen["db_sample_v1"] + seen["db_sample_x2_v1"]:
        first, second = read.tables.ego_pose[:2]
        assert math.dist(first.translation, second.translation) == pytest.approx(0.1 * first.twist[0], abs=1e-6)
    for read, sample, _ in seen["db_sample_v1"][:25]:
        for box in read.tables.sample_annotation:
            if box.sample_token == sample.token and box.next:
                after = next(row for row in read.tables.sample_annotation if row.token == box.next)
                step = np.array(after.translation) - np.array(box.translation)
                np.testing.assert_allclose(step, np.array(box.velocity) * 0.1, atol=1e-6)
                moving += float(np.linalg.norm(step)) > 0.2
    assert moving > 100


def test_the_turned_mount_is_calibrated_and_its_clouds_are_in_its_own_frame(seen, full: Path):
    read, _, frame = seen["db_sample_x2_v1"][0]
    assert read.lidar_channel == "LIDAR_TOP"
    assert yaw_of(frame.lidar2ego[:3, :3]) == pytest.approx(math.pi / 2, abs=0.01)
    cloud = read_points(full / frame.lidar_path)
    in_ego = cloud[:, :3] @ frame.lidar2ego[:3, :3].T + frame.lidar2ego[:3, 3]
    assert np.abs(np.percentile(in_ego[:, 2], 20)) < 0.03  # the ground is the ego's z = 0 ...
    assert np.percentile(cloud[:, 2], 20) < -1.5  # ... and far below the lidar
    assert all(box.velocity is None for box in read.tables.sample_annotation)


def test_a_concatenated_cloud_is_in_the_ego_frame(seen, full: Path):
    _, _, frame = seen["db_sample_v1"][0]
    np.testing.assert_array_equal(frame.lidar2ego, np.eye(4))
    cloud = read_points(full / frame.lidar_path)
    assert np.abs(np.percentile(cloud[:, 2], 20)) < 0.03
    assert np.hypot(cloud[:, 0], cloud[:, 1]).max() < SIGHT + 1
    assert set(cloud[:, 4]) == {-1.0}
    assert 0 <= cloud[:, 3].min() < cloud[:, 3].max() <= 255


def test_points_lie_only_on_the_faces_that_the_lidar_sees(seen, full: Path):
    # Between the two ends of a bus, nothing lies on the wall that is turned away.
    checked = 0
    for _, _, frame in seen["db_sample_v1"][:50]:
        rows = frame.instances
        cloud = None
        for i in np.flatnonzero((rows.labels == 2) & (rows.num_lidar_pts > 200)):
            cloud = read_points(full / frame.lidar_path) if cloud is None else cloud
            yaw, half = rows.boxes[i, 6], rows.boxes[i, 4] / 2
            offset = cloud[:, :2] - rows.boxes[i, :2]
            across = -math.sin(yaw) * offset[:, 0] + math.cos(yaw) * offset[:, 1]
            along = math.cos(yaw) * offset[:, 0] + math.sin(yaw) * offset[:, 1]
            side = -math.sin(yaw) * (0.9 - rows.boxes[i, 0]) + math.cos(yaw) * (0 - rows.boxes[i, 1])
            if abs(side) < half + 0.5:
                continue  # the lidar looks at its front or back
            body = (np.abs(along) < rows.boxes[i, 3] / 2 - 0.5) & (cloud[:, 2] > 0.3) & (cloud[:, 2] < 2.4)
            wall = body & (np.abs(across) > half - 0.15) & (np.abs(across) < half)
            assert (np.sign(across[wall]) == np.sign(side)).all()
            checked += int(wall.sum())
    assert checked > 500


def test_the_raw_set_has_samples_and_clouds_and_no_annotation(full: Path):
    for scene in (path.parent for path in full.glob("sample_raw_v1/*/*/annotation")):
        for name in ("attribute", "category", "instance", "sample_annotation", "visibility"):
            assert table(scene, name) == []
        assert len(table(scene, "sample")) == len(list(scene.glob("data/LIDAR_CONCAT/*.pcd.bin"))) == 10


def test_samples_are_a_tenth_of_a_second_apart(seen):
    for read, _, _ in seen["db_sample_v1"]:
        times = [sample.timestamp for sample in read.samples]
        assert set(np.diff(times)) == {100_000}


def test_every_map_heading_occurs(seen):
    egos = [row for read, _, _ in seen["db_sample_v1"] for row in read.tables.ego_pose[:1]]
    yaws = {round(wrap(yaw_of(rotation_from_quaternion(row.rotation)))) for row in egos}
    assert yaws == {-3, -2, -1, 0, 1, 2, 3}


def test_instances_can_be_asked_for_in_any_frame(seen):
    read, sample, frame = seen["db_sample_x2_v1"][0]
    row = np.array([read.columns["sample"].index[sample.token]])
    (in_map,) = instances_of(read, row, LABELS, np.eye(4)[None], 50.0)
    back = inverse(frame.ego2global @ frame.lidar2ego)
    moved = in_map.boxes[:, :3] @ back[:3, :3].T + back[:3, 3]
    np.testing.assert_allclose(moved, frame.instances.boxes[:, :3], atol=1e-8)


def test_writing_again_keeps_what_is_there(tmp_path: Path):
    first = write_samples(tmp_path, small=True)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    second = write_samples(tmp_path, small=True)
    assert first.written
    assert not second.written
    assert [d.state for d in second.datasets] == ["kept"] * 3
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert [(d.frames, d.boxes, d.points) for d in first.datasets] == [
        (d.frames, d.boxes, d.points) for d in second.datasets
    ]


def test_a_missing_set_is_added_beside_the_kept_ones(tmp_path: Path, workspace: Path):
    write_samples(tmp_path, small=True)
    gone = tmp_path / "sample_raw_v1"
    gone.rename(tmp_path.parent / f"{tmp_path.name}-gone")
    report = write_samples(tmp_path, small=True)
    assert [d.state for d in report.datasets] == ["kept", "kept", "written"]
    assert digest(tmp_path) == digest(workspace / "data")


@pytest.mark.parametrize("plan", further_plans()[:-1], ids=lambda plan: plan.name)
def test_the_full_demos_lists_name_exactly_what_is_written(plan):
    listed = read_dataset_list(ROOT / "t4zoo/demo/overlay/conf/dataset", plan.name)
    assert listed.dataset_version == plan.dataset_version
    for split in SPLITS:
        assert tuple(scene.key for scene in listed.splits[split]) == plan.split(split)


def test_the_truth_of_the_fleets_recordings_differs_in_nothing_but_the_annotation(tmp_path: Path):
    (truth,), (*_, fleet) = truth_plans(), further_plans()
    for plan, there in ((truth.scenes[0], tmp_path / "truth"), (fleet.scenes[0], tmp_path / "fleet")):
        write_scene(there, plan)
    differing = {
        path.name
        for path in sorted((tmp_path / "truth").rglob("*"))
        if path.is_file()
        and path.read_bytes() != (tmp_path / "fleet" / path.relative_to(tmp_path / "truth")).read_bytes()
    }
    assert {"sample_annotation.json", "instance.json"} <= differing
    assert not {"sample.json", "sample_data.json", "ego_pose.json", "00000.pcd.bin"} & differing


def cut(root: Path) -> Path:
    path = next(root.glob("db_sample_v1/*/0/data/*/00001.pcd.bin"))
    path.write_bytes(path.read_bytes()[:-20])
    return path


def lose(root: Path) -> Path:
    path = next(root.glob("db_sample_v1/*/0/annotation/sample.json"))
    path.unlink()
    return path


def add(root: Path) -> Path:
    path = root / "db_sample_v1" / "notes.txt"
    path.write_text("mine")
    return path


@pytest.mark.parametrize("spoil", [cut, lose, add])
def test_a_changed_set_is_neither_kept_nor_overwritten(tmp_path: Path, spoil):
    write_samples(tmp_path, small=True)
    path = spoil(tmp_path)
    before = digest(tmp_path)
    with pytest.raises(SampleError, match=path.name):
        write_samples(tmp_path, small=True)
    assert digest(tmp_path) == before


def test_foreign_data_under_a_samples_name_are_left_alone_and_nothing_is_written_beside_them(tmp_path: Path):
    (tmp_path / "db_sample_x2_v1").mkdir()
    (tmp_path / "db_sample_x2_v1" / "precious").write_text("mine")
    with pytest.raises(SampleError, match="db_sample_x2_v1"):
        write_samples(tmp_path, small=True)
    assert [path.name for path in tmp_path.iterdir()] == ["db_sample_x2_v1"]


def test_a_small_set_is_not_taken_for_the_full_one(tmp_path: Path):
    write_samples(tmp_path, small=True)
    with pytest.raises(SampleError, match="another selection"):
        write_samples(tmp_path)


def test_an_interrupted_run_leaves_nothing_that_looks_finished(tmp_path: Path):
    def stop(name: str) -> None:
        if name.startswith("db_sample_x2_v1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_samples(tmp_path, small=True, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["db_sample_v1"]
    assert (tmp_path / "db_sample_v1" / MANIFEST).is_file()


def test_the_lists_are_plain_awml_yaml():
    for plan in plans():
        data = yaml.safe_load((ROOT / "conf" / "dataset" / f"{plan.name}.yaml").read_text())
        assert data["version"] == 1
        assert all(isinstance(scene, str) for split in SPLITS for scene in data[split])
