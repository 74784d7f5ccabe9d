"""The info files as AWML's T4Dataset and mmdet3d 1.4's loaders take them apart, by their rules, on sample scenes."""

import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from t4zoo.t4.convert import Sources, create_info
from tests.t4.scenes import ROOT

CAMERAS = ("CAM_FRONT", "CAM_BACK")

# What AWML's create_data_t4dataset.py writes, key by key; where it writes an array of numpy's, the list of its numbers.
# What t4zoo writes beside is `scene`, and `instance_token` of an instance.
NOTHING = type(None)
POSE = (4, 4)  # a list of lists of floats
FRAME = {
    "sample_idx": int, "token": str, "timestamp": float, "scene_token": str, "scene_name": str, "location": str,
    "city": str, "vehicle_type": str, "ego2global": POSE, "images": dict, "lidar_points": dict, "radar_points": dict,
    "image_sweeps": list, "lidar_sweeps": list, "instances": list, "instances_ignore": list,
    "pts_semantic_mask_path": NOTHING, "pts_instance_mask_path": NOTHING, "lidar_sources": dict,
}  # fmt: skip
POINTS = {"num_pts_feats": int, "lidar_path": str, "lidar2ego": POSE}
RADAR = {"num_pts_feats": NOTHING, "radar_path": NOTHING, "radar2ego": NOTHING}
SWEEP = {"timestamp": float, "sample_data_token": str, "ego2global": POSE, "lidar_points": dict, "images": dict}
SWEEP_POINTS = POINTS | {"lidar2sensor": POSE}
INSTANCE = {
    "bbox_3d": (7,), "bbox_label": int, "bbox_label_3d": int, "velocity": (2,), "num_lidar_pts": int,
    "num_radar_pts": int, "bbox_3d_isvalid": bool, "gt_nusc_name": str, "gt_attrs": list,
}  # fmt: skip
ABSENT = ("img_path", "height", "width", "depth_map", "cam2img", "lidar2img", "cam2ego", "sample_data_token",
          "timestamp", "lidar2cam")  # fmt: skip
SOURCE = {"sensor_token": str, "translation": (3,), "rotation": (3, 3)}
FLOATS = {"bbox_3d", "velocity"}  # what Det3DDataset makes float32 of; a key with "label" in it becomes int64


@pytest.fixture(scope="module", params=["db_sample_v1", "db_sample_x2_v1"])
def frames(request, workspace: Path, tmp_path_factory) -> list[dict[str, Any]]:
    """`data_list` of the train file, by plain pickle."""
    out = tmp_path_factory.mktemp("info")
    product = yaml.safe_load((ROOT / "conf" / "product" / "base.yaml").read_text())
    product |= {"datasets": [{"name": request.param, "sample_steps": 1}], "max_sweeps": 2}
    labels = yaml.safe_load((ROOT / "conf" / "labels" / "t4.yaml").read_text())
    create_info(product, labels, Sources(workspace / "data", workspace / "lists"), out, 50.0, CAMERAS)
    content = (out / "info_train.pkl").read_bytes()
    called = {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"}
    assert not called & {code.name for code, _, _ in pickletools.genops(content)}  # so that any numpy will do, or none
    data = pickle.loads(content)
    assert data["metainfo"]["classes"] == product["class_names"]
    return data["data_list"]


def check(record: dict[str, Any], table: dict[str, Any], ours: tuple[str, ...] = ()) -> None:
    """The record has the keys of the table, in any order, those of ours, and no other; and their types."""
    assert set(record) == {*table, *ours}
    for key, kind in table.items():
        if isinstance(kind, tuple):
            numbers = np.array(record[key])
            assert isinstance(record[key], list) and numbers.shape == kind and numbers.dtype == np.float64, key
        else:
            assert type(record[key]) is kind, key


def test_each_key_has_the_name_and_type_that_it_has_in_awmls_own_files(frames):
    instances = sweeps = 0
    for frame in frames:
        check(frame, FRAME, ours=("scene",))
        check(frame["lidar_points"], POINTS)
        check(frame["radar_points"], RADAR)
        for image in frame["images"].values():
            assert tuple(sorted(image)) == tuple(sorted(ABSENT))
        for source in frame["lidar_sources"].values():
            check(source, SOURCE)
        for sweep in frame["lidar_sweeps"]:
            check(sweep, SWEEP)
            check(sweep["lidar_points"], SWEEP_POINTS)
            sweeps += 1
        for row in frame["instances"]:
            check(row, INSTANCE, ours=("instance_token",))
            assert type(row["instance_token"]) is str and {type(name) for name in row["gt_attrs"]} <= {str}
            assert (row["bbox_label"], row["bbox_3d_isvalid"]) == (row["bbox_label_3d"], row["num_lidar_pts"] > 0)
            instances += 1
    assert instances > 80 and sweeps > 3


def annotations(frame: dict[str, Any]) -> dict[str, np.ndarray]:
    """Det3DDataset.parse_ann_info: one array a key, by the keys of the first instance."""
    columns = {}
    for key in frame["instances"][0]:
        values = np.array([row[key] for row in frame["instances"]])
        columns[key] = values.astype(np.int64 if "label" in key else np.float32 if key in FLOATS else values.dtype)
    return columns


def test_every_column_of_a_frames_instances_is_an_array_that_a_mask_selects_from(frames):
    learnt = 0
    for frame in frames:
        columns = annotations(frame)
        # NuScenesDataset with use_valid_flag, and T4Dataset without
        for mask in (columns["bbox_3d_isvalid"], (columns["num_lidar_pts"] > 0) & (columns["bbox_label_3d"] > -1)):
            assert mask.dtype == bool
            chosen = {key: values[mask] for key, values in columns.items()}
            assert {len(values) for values in chosen.values()} == {mask.sum()}
        assert not np.isnan(chosen["velocity"]).any()
        assert set(chosen["bbox_label_3d"]) <= set(range(5))
        learnt += len(chosen["bbox_3d"])
    assert learnt > 80


def test_a_frame_has_the_keys_and_types_that_the_loaders_ask_for(frames):
    for frame in frames:
        assert list(frame["images"]) == sorted(CAMERAS)
        assert all(image["img_path"] is None for image in frame["images"].values())  # T4Dataset drops such a frame
        assert len(frame["lidar_points"]["lidar_path"].split("/")) == 6
        assert frame["lidar_points"]["num_pts_feats"] == 5
        assert frame["instances_ignore"] == []
        assert {type(frame[key]) for key in ("token", "scene_token", "scene_name", "city", "vehicle_type")} == {str}
        assert type(frame["sample_idx"]) is int
        assert type(frame["timestamp"]) is float
        for sweep in frame["lidar_sweeps"]:
            assert 0.0 < frame["timestamp"] - sweep["timestamp"] < 0.25
            assert "samples" not in sweep["lidar_points"]["lidar_path"]  # mmdet3d would look for it elsewhere


def test_points_of_boxes_are_those_that_are_written(frames, workspace: Path):
    compared = 0
    for frame in frames:
        cloud = load(workspace, frame["lidar_points"])
        for row in frame["instances"]:
            inside = in_box(cloud, np.array(row["bbox_3d"])).sum()
            # A tilted lidar's boxes are upright in its own frame, and lose or win the points at their edges.
            assert abs(inside - row["num_lidar_pts"]) <= 3 + 0.25 * row["num_lidar_pts"]
            compared += row["num_lidar_pts"] > 10
    assert compared > 40


def test_a_sweeps_points_land_on_the_boxes_of_the_frame(frames, workspace: Path):
    """lidar2sensor is the key's lidar to the sweep's: its inverse brings points back, as TIER IV's newer reader does.

    mmdet3d's LoadPointsFromMultiSweeps takes its rotation back but subtracts the translation as it is, which is right
    while the ego does not turn; here it turns by less than a hundredth of a radian between two sweeps.
    """
    written = landed = left = 0
    for frame in frames:
        for sweep in frame["lidar_sweeps"]:
            points, lag = load(workspace, sweep["lidar_points"]), frame["timestamp"] - sweep["timestamp"]
            lidar2sensor = np.array(sweep["lidar_points"]["lidar2sensor"])
            ours = moved(np.linalg.inv(lidar2sensor), points)
            mmdet3d = points @ lidar2sensor[:3, :3] - lidar2sensor[:3, 3]
            assert np.linalg.norm(mmdet3d - ours, axis=1).max() < 0.03
            np.testing.assert_allclose(ours, moved(np.linalg.inv(world(frame)) @ world(sweep), points), atol=1e-6)
            for row in (row for row in frame["instances"] if row["num_lidar_pts"] > 20):
                then = np.array(row["bbox_3d"]) + np.array([0, 0, 0, 0.04, 0.04, 0.04, 0])
                then[:2] -= np.array(row["velocity"]) * lag
                written += row["num_lidar_pts"]
                landed += in_box(ours, then).sum()
                left += in_box(points, then).sum()
    assert written > 3000
    assert 0.9 < landed / written < 1.2
    assert left / written < 0.85  # where they would lie if the ego had stood still


def world(data: dict[str, Any]) -> np.ndarray:
    return np.array(data["ego2global"]) @ np.array(data["lidar_points"]["lidar2ego"])


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def load(workspace: Path, lidar: dict[str, Any]) -> np.ndarray:
    cloud = np.fromfile(workspace / "data" / lidar["lidar_path"], np.float32)
    return cloud.reshape(-1, lidar["num_pts_feats"])[:, :3].astype(np.float64)


def in_box(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    """LiDARInstance3DBoxes: centre, then length along the yaw from +x, width, height."""
    cos, sin = np.cos(box[6]), np.sin(box[6])
    x, y, z = (points - box[:3]).T
    along, across = x * cos + y * sin, y * cos - x * sin
    return np.all(np.abs(np.stack([along, across, z], axis=1)) <= box[3:6] / 2, axis=1)
