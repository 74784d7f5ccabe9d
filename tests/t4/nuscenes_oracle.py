"""What nuscenes-devkit makes of T4 scenes: run with the oracle's folder on PYTHONPATH, never imported.

argv: scene folders. stdout, JSON: for each folder, sample token -> boxes in the lidar frame, each {"instance", "box"
(x, y, z, l, w, h, yaw), "velocity", "points": the devkit's count, "written": the table's}.
"""

import json
import sys

import numpy as np
from nuscenes.eval.common.utils import quaternion_yaw
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.geometry_utils import points_in_box
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


answer = {}
for folder in sys.argv[1:]:
    scene = NuScenes(version="annotation", dataroot=folder, verbose=False)
    # The devkit subtracts times as seconds since 1970 in floats, whose steps are millionths of a tenth of a second;
    # counted from the scene's first sample, its own formula is exact.
    start = min(sample["timestamp"] for sample in scene.sample)
    for sample in scene.sample:
        sample["timestamp"] -= start
    answer[folder] = {sample["token"]: boxes_of(scene, sample) for sample in scene.sample}
json.dump(answer, sys.stdout)
