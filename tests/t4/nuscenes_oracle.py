"""What nuscenes-devkit makes of T4 scenes: run with the oracle's folder on PYTHONPATH, never imported.

argv: scene folders. stdout, JSON: "boxes": for each folder,
sample token -> boxes in the lidar frame, each {"instance", "box"
(x, y, z, l, w, h, yaw), "velocity", "points": the devkit's count, "written": the table's}; "poses": for each folder,
sample token -> {"ego2global", "lidar2ego", "sweeps": for each earlier cloud, newest first, the (4, 4) from the sample's
lidar to that cloud's, "cameras": channel -> the (4, 4) from the sample's lidar to the camera}.
"""

import json
import sys

import numpy as np
from nuscenes.eval.common.utils import quaternion_yaw
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.geometry_utils import points_in_box, transform_matrix
from pyquaternion import Quaternion

FEATURES = 5


def boxes_of(devkit: NuScenes, sample: dict) -> list:
    channel = next(name for name in ("LIDAR_CONCAT", "LIDAR_TOP") if name in sample["data"])
    path, boxes, _ = devkit.get_sample_data(sample["data"][channel])
    data = devkit.get("sample_data", sample["data"][channel])
    ego = Quaternion(devkit.get("ego_pose", data["ego_pose_token"])["rotation"])
    mount = Quaternion(devkit.get("calibrated_sensor", data["calibrated_sensor_token"])["rotation"])
    points = np.fromfile(path, dtype="<f4").reshape(-1, FEATURES)[:, :3].T
    rows = []
    for box in boxes:
        record = devkit.get("sample_annotation", box.token)
        velocity = devkit.box_velocity(box.token) * (1.0, 1.0, 0.0)
        velocity = mount.inverse.rotate(ego.inverse.rotate(velocity))[:2]
        width, length, height = box.wlh.tolist()
        rows.append(
            {
                "instance": record["instance_token"],
                "box": [*box.center.tolist(), length, width, height, quaternion_yaw(box.orientation)],
                "velocity": [None if np.isnan(value) else float(value) for value in velocity],
                "points": int(points_in_box(box, points).sum()),
                "written": record["num_lidar_pts"],
            }
        )
    return rows


def poses_of(devkit: NuScenes, sample: dict) -> dict:
    channel = next(name for name in ("LIDAR_CONCAT", "LIDAR_TOP") if name in sample["data"])
    key = devkit.get("sample_data", sample["data"][channel])
    here, there = global_from(devkit, key), []
    data = key
    while data["prev"]:
        data = devkit.get("sample_data", data["prev"])
        there.append((np.linalg.inv(global_from(devkit, data)) @ here).tolist())
    cameras = {name: devkit.get("sample_data", token) for name, token in sample["data"].items() if "CAM" in name}
    return {
        "ego2global": matrix(devkit.get("ego_pose", key["ego_pose_token"])).tolist(),
        "lidar2ego": matrix(devkit.get("calibrated_sensor", key["calibrated_sensor_token"])).tolist(),
        "sweeps": there,
        "cameras": {name: (np.linalg.inv(global_from(devkit, one)) @ here).tolist() for name, one in cameras.items()},
    }


def global_from(devkit: NuScenes, data: dict) -> np.ndarray:
    ego = matrix(devkit.get("ego_pose", data["ego_pose_token"]))
    return ego @ matrix(devkit.get("calibrated_sensor", data["calibrated_sensor_token"]))


def matrix(record: dict) -> np.ndarray:
    return transform_matrix(record["translation"], Quaternion(record["rotation"]))


answer = {"boxes": {}, "poses": {}}
for folder in sys.argv[1:]:
    scene = NuScenes(version="annotation", dataroot=folder, verbose=False)
    # The devkit subtracts times as seconds since 1970 in floats, whose steps are millionths of a tenth of a second;
    # counted from the scene's first sample, its own formula is exact.
    start = min(sample["timestamp"] for sample in scene.sample)
    for sample in scene.sample:
        sample["timestamp"] -= start
    answer["boxes"][folder] = {sample["token"]: boxes_of(scene, sample) for sample in scene.sample}
    answer["poses"][folder] = {sample["token"]: poses_of(scene, sample) for sample in scene.sample}
json.dump(answer, sys.stdout)
