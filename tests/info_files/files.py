"""Info files to ask about: of ours, and in the forms that AWML and mmdet3d write, as their own code leaves them."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import io
import pickle
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from t4zoo.cli.main import main
from t4zoo.info import Frame, Info, Instances, Predictions, Sweep, save

CLASSES = ("car", "truck", "pedestrian")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`t4zoo info ...` in this process: starting another for each case would take most of the time."""
    command, out, err = ["t4zoo", "info", *map(str, arguments)], io.StringIO(), io.StringIO()
    before, sys.argv, collecting = sys.argv, command, gc.get_threshold()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv = before
        gc.set_threshold(*collecting)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def refused(*arguments: object, code: int) -> str:
    """What the command says when it ends with that code and without a result."""
    done = run(*arguments)
    assert done.returncode == code and done.stdout == "", done
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
    return done.stderr


def frame(scene: str, index: int, labels: tuple[int, ...] = (0, 0, 1), predicted: bool = False) -> Frame:
    """A frame with boxes ten metres apart, each of another length."""
    count = len(labels)
    pose = np.eye(4)
    pose[0, 3] = index
    path = f"db/{scene}/data/LIDAR_CONCAT/{index:05d}.pcd.bin"
    boxes = np.array([[10.0 * row, index, 0.5, 4.0 + row, 2.0, 1.5, 0.1 * row] for row in range(count)]).reshape(-1, 7)
    rows = Instances(
        boxes,
        np.full((count, 2), 1.25),
        np.array(labels, dtype=np.int64),
        np.arange(count) * 3,
        np.zeros(count, dtype=np.int64),
        tuple(f"vehicle.{label}" for label in labels),
        tuple(("parked", "occluded")[: row % 3] for row in range(count)),
        tuple(f"{scene}#{row}" for row in range(count)),
    )
    ids = tuple(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{scene}/{index}/{row}")) for row in range(count))
    found = Predictions(boxes, np.zeros((count, 2)), rows.labels.clip(0), np.full(count, 0.5), ids)
    return Frame(
        sample_idx=index,
        token=f"{scene}@{index}",
        timestamp=1.7e9 + index / 10,
        scene=scene,
        scene_token=f"token of {scene}",
        scene_name=scene,
        location="street",
        lidar_path=path,
        num_pts_feats=5,
        lidar2ego=np.eye(4),
        ego2global=pose,
        sweeps=(Sweep(1.7e9 + index / 10 - 0.1, "sweep", path, pose, pose, pose, 5),) * min(index, 2),
        instances=rows,
        predictions=found if predicted else None,
        images={"CAM_FRONT": {"img_path": "a.jpg", "cam2img": np.eye(3)}, "CAM_BACK": {"img_path": None}},
        lidar_sources={"LIDAR_TOP": {"sensor_token": "s", "translation": [0.0, 0.0, 2.0], "rotation": np.eye(3)}},
    )


def info(**changes: Any) -> Info:
    """Two scenes with three frames and one, the last with predictions and an object of no class."""
    frames = (*(frame("a/0", index) for index in range(3)), frame("b/1", 0, (2, -1), predicted=True))
    made = Info(CLASSES, "base", frames, {"max_sweeps": 2, "labels": "t4"})
    return dataclasses.replace(made, **changes)


def written(path: Path, content: Info | None = None) -> Path:
    save(path, info() if content is None else content)
    return path


def dumped(path: Path, data: Any) -> Path:
    """As mmengine.dump does."""
    path.write_bytes(pickle.dumps(data))
    return path


def awml(path: Path) -> Path:
    """As AWML's create_data_t4dataset.py leaves it: numpy's bools and arrays within, no scene, no instance tokens."""
    written(path)
    data = pickle.loads(path.read_bytes())
    data["metainfo"] = {"classes": list(CLASSES), "version": "base"}
    for record in data["data_list"]:
        del record["scene"]
        record["images"]["CAM_BACK"] = dict.fromkeys(("img_path", "height", "cam2img", "timestamp"))
        record["vehicle_type"] = None
        for sweep in record["lidar_sweeps"]:
            sweep["lidar_points"]["lidar2ego"] = np.array(sweep["lidar_points"]["lidar2ego"])
            sweep["images"] = dict.fromkeys(("CAM_FRONT", "CAM_BACK"))
        for row in record["instances"]:
            row["bbox_3d_isvalid"] = np.bool_(row["num_lidar_pts"] > 0)
            row["gt_attrs"] = [name for name in row["gt_attrs"] if name]
            del row["instance_token"]
    return dumped(path, data)


def nuscenes(path: Path) -> Path:
    """As mmdet3d 1.4's converter leaves nuScenes: classes by label, bare file names, boxes valid by radar too."""
    categories = {"truck": 1, "car": 0, "pedestrian": 2}
    record = {
        "sample_idx": 0,
        "token": "3e8750f331d7499e9b5123e9eb70f2e2",
        "timestamp": 1532402927.647951,
        "ego2global": np.eye(4).tolist(),
        "images": {"CAM_FRONT": {"img_path": "n015__CAM_FRONT__1.jpg", "cam2img": np.eye(3).tolist()}},
        "lidar_points": {"num_pts_feats": 5, "lidar_path": "n015__LIDAR_TOP__1.pcd.bin",
                         "lidar2ego": np.eye(4).tolist()},
        "instances": [
            {"bbox_label": 0, "bbox_label_3d": 0, "bbox_3d": [18.6, 59.0, 0.6, 4.3, 1.8, 1.6, 0.1],
             "velocity": [0.1, 0.2], "bbox_3d_isvalid": True, "num_lidar_pts": 1, "num_radar_pts": 0},
            {"bbox_label": 2, "bbox_label_3d": 2, "bbox_3d": [8.6, 9.0, 0.6, 0.7, 0.7, 1.7, 0.1],
             "velocity": [float("nan"), float("nan")], "bbox_3d_isvalid": True, "num_lidar_pts": 0, "num_radar_pts": 2},
        ],
        "cam_instances": {"CAM_FRONT": [{"bbox": [1.0, 2.0, 3.0, 4.0]}]},
    }  # fmt: skip
    sweep = {
        "timestamp": 1532402927.597951,
        "sample_data_token": "sd",
        "ego2global": np.eye(4).tolist(),
        "lidar_points": {"num_pts_feats": None, "lidar_path": "n015__LIDAR_TOP__0.pcd.bin",
                         "lidar2ego": np.eye(4).tolist(), "lidar2sensor": np.eye(4).tolist()},
    }  # fmt: skip
    later = {**record, "sample_idx": 1, "token": "later", "lidar_sweeps": [sweep], "instances": []}
    meta = {"categories": categories, "dataset": "nuscenes", "version": "v1.0-mini", "info_version": "1.1"}
    return dumped(path, {"metainfo": meta, "data_list": [record, later]})


def kitti(path: Path) -> Path:
    """As mmdet3d 1.4's converter leaves KITTI: no tokens, no poses, boxes in the camera's coordinates."""
    points = {"num_pts_feats": 4, "lidar_path": "000008.bin", "Tr_velo_to_cam": np.eye(4).tolist()}
    row = {"bbox": [1.0, 2.0, 3.0, 4.0], "bbox_label": 2, "bbox_label_3d": 2, "bbox_3d": [1.0] * 7, "depth": 8.4,
           "num_lidar_pts": 33, "truncated": 0.0, "occluded": 0, "alpha": -0.6, "score": 0.0}  # fmt: skip
    record = {
        "sample_idx": 8,
        "images": {"CAM2": {"img_path": "000008.png"}},
        "lidar_points": points,
        "instances": [row],
    }
    meta = {"categories": {"Pedestrian": 0, "Cyclist": 1, "Car": 2}, "dataset": "kitti", "info_version": "1.1"}
    return dumped(path, {"metainfo": meta, "data_list": [record]})
