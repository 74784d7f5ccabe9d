"""Info files as a loader of object tables makes them, box by box: run with the oracle on PYTHONPATH, never imported.

argv: `usual` or `least`, then scene folders. stdout, JSON: seconds of the processor for each scene, from its folder to
its frames' pickle; frames and boxes. `usual`: as the generators of mmdet3d and AWML go on top of a devkit, which ask it
for a file with all its boxes again for each camera and (AWML) each sweep. `least`: for the key cloud alone, so that
nothing is computed that the file does not hold. Both without merging, attribute filters and statistics, which would
cost them more.
"""

import json
import pickle
import sys
import time

import numpy as np
from nuscenes.nuscenes import NuScenes
from pyquaternion import Quaternion

USUAL, SWEEPS = sys.argv[1] == "usual", 2


def matrix(record):
    """(4, 4) of a pose."""
    result = np.eye(4)
    result[:3, :3] = Quaternion(record["rotation"]).rotation_matrix
    result[:3, 3] = record["translation"]
    return result


def poses(devkit, data):
    """Mount and ego pose of a file."""
    return (
        devkit.get("calibrated_sensor", data["calibrated_sensor_token"]),
        devkit.get("ego_pose", data["ego_pose_token"]),
    )


def instance(devkit, box, ego, mount):
    """One box."""
    record = devkit.get("sample_annotation", box.token)
    velocity = devkit.box_velocity(box.token) * (1.0, 1.0, 0.0)
    velocity = mount.inverse.rotate(ego.inverse.rotate(velocity))[:2]
    width, length, height = box.wlh.tolist()
    return {
        "bbox_3d": [*box.center.tolist(), length, width, height, box.orientation.yaw_pitch_roll[0]],
        "velocity": velocity.tolist(),
        "num_lidar_pts": record["num_lidar_pts"],
        "num_radar_pts": record["num_radar_pts"],
        "bbox_3d_isvalid": record["num_lidar_pts"] > 0,
        "gt_nusc_name": box.name,
        "gt_attrs": [devkit.get("attribute", token)["name"] for token in record["attribute_tokens"]],
        "instance_token": record["instance_token"],
    }


def look_up(devkit, token):
    """The record of a file."""
    if USUAL:
        devkit.get_sample_data(token)
    return devkit.get("sample_data", token)


def sweeps(devkit, data, global_from_key):
    """The clouds before one."""
    for _ in range(SWEEPS):
        if not data["prev"]:
            return
        data = look_up(devkit, data["prev"])
        mount, ego = poses(devkit, data)
        lidar2ego, ego2global = matrix(mount), matrix(ego)
        yield {
            "timestamp": data["timestamp"] / 1e6,
            "sample_data_token": data["token"],
            "ego2global": ego2global.tolist(),
            "lidar_path": data["filename"],
            "lidar2ego": lidar2ego.tolist(),
            "lidar2sensor": (np.linalg.inv(ego2global @ lidar2ego) @ global_from_key).tolist(),
        }


def camera(devkit, data, global_from_lidar):
    """One image."""
    mount, ego = poses(devkit, data)
    cam2ego = matrix(mount)
    return {
        "img_path": data["filename"],
        "cam2img": mount["camera_intrinsic"],
        "cam2ego": cam2ego.tolist(),
        "sample_data_token": data["token"],
        "timestamp": data["timestamp"] / 1e6,
        "lidar2cam": (np.linalg.inv(matrix(ego) @ cam2ego) @ global_from_lidar).tolist(),
    }


def frame(devkit, sample):
    """One sample."""
    path, boxes, _ = devkit.get_sample_data(sample["data"]["LIDAR_CONCAT"])
    data = devkit.get("sample_data", sample["data"]["LIDAR_CONCAT"])
    mount, ego = poses(devkit, data)
    lidar2ego, ego2global = matrix(mount), matrix(ego)
    global_from_lidar = ego2global @ lidar2ego
    turns = Quaternion(ego["rotation"]), Quaternion(mount["rotation"])
    cameras = {name: token for name, token in sample["data"].items() if name.startswith("CAM")}
    return {
        "token": sample["token"],
        "timestamp": sample["timestamp"] / 1e6,
        "lidar_path": path,
        "lidar2ego": lidar2ego.tolist(),
        "ego2global": ego2global.tolist(),
        "images": {name: camera(devkit, look_up(devkit, token), global_from_lidar) for name, token in cameras.items()},
        "lidar_sweeps": list(sweeps(devkit, data, global_from_lidar)),
        "instances": [instance(devkit, box, *turns) for box in boxes],
    }


costs, frames, boxes = [], 0, 0
for folder in sys.argv[2:]:
    start = time.process_time()
    scene = NuScenes(version="annotation", dataroot=folder, verbose=False)
    made = [frame(scene, sample) for sample in scene.sample]
    pickle.dumps({"data_list": made}, protocol=4)
    costs.append(time.process_time() - start)
    frames, boxes = frames + len(made), boxes + sum(len(one["instances"]) for one in made)
json.dump({"costs": costs, "frames": frames, "boxes": boxes}, sys.stdout)
