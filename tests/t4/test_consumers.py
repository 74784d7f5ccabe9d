"""The info files as AWML's T4Dataset and mmdet3d 1.4's loaders take them apart, by their rules, on sample scenes."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from t4zoo.t4.convert import Sources, create_info
from tests.t4.scenes import ROOT

CAMERAS = ("CAM_FRONT", "CAM_BACK")
FLOATS = {"bbox_3d", "velocity"}  # what Det3DDataset makes float32 of; a key with "label" in it becomes int64


@pytest.fixture(scope="module", params=["db_sample_v1", "db_sample_x2_v1"])
def frames(request, workspace: Path, tmp_path_factory) -> list[dict[str, Any]]:
    """`data_list` of the train file, by plain pickle."""
    out = tmp_path_factory.mktemp("info")
    product = yaml.safe_load((ROOT / "conf" / "product" / "base.yaml").read_text())
    product |= {"datasets": [{"name": request.param, "sample_steps": 1}], "max_sweeps": 2}
    labels = yaml.safe_load((ROOT / "conf" / "labels" / "t4.yaml").read_text())
    create_info(product, labels, Sources(workspace / "data", workspace / "lists"), out, 50.0, CAMERAS)
    data = pickle.loads((out / "info_train.pkl").read_bytes())
    assert data["metainfo"]["classes"] == product["class_names"]
    return data["data_list"]


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
