from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from t4zoo import info
from t4zoo.dataset import LidarDataset, collate
from t4zoo.errors import T4zooError
from t4zoo.geometry import apply, compose, inverse, rotation_from_yaw, transform
from t4zoo.points import write_points

FEATURES = ["x", "y", "z", "intensity", "lag"]
RANGE = [-16.0, -16.0, -3.0, 16.0, 16.0, 5.0]


def instances(boxes, labels=None, counts=None) -> info.Instances:
    boxes = np.array(boxes, dtype=np.float64).reshape(-1, 7)
    n = len(boxes)
    return info.Instances(
        boxes,
        np.tile([1.0, 0.5], (n, 1)),
        np.array(labels if labels is not None else [0] * n),
        np.array(counts if counts is not None else [9] * n),
        np.zeros(n, dtype=np.int64),
        ("car",) * n,
        ((),) * n,
    )


def frame(root: Path, points, rows=None, name="0", pose=None, time=0.0, sweeps=()) -> info.Frame:
    path = f"{name}.bin"
    cloud = np.asarray(points, dtype=np.float32)
    write_points(root / path, np.column_stack([cloud, np.full(len(cloud), 7.0), np.full(len(cloud), -1.0)]))
    pose = np.eye(4) if pose is None else pose
    return info.Frame(
        0, name, time, "s/0", "", "", "", path, 5, np.eye(4), pose, tuple(sweeps), rows or info.Instances.empty()
    )


def dataset(root: Path, *frames: info.Frame, **options) -> LidarDataset:
    options = {"point_features": FEATURES, "point_cloud_range": RANGE, "max_sweeps": 1, **options}
    return LidarDataset(frames, root, **options)


def test_points_and_boxes_out_of_range_are_cut_off(tmp_path):
    points = [[0, 0, 0], [15.9, 0, 0], [16.0, 0, 0], [0, -17, 0], [0, 0, 6]]
    rows = instances([[1, 2, 0, 4, 2, 1.5, 0], [20, 0, 0, 4, 2, 1.5, 0]])
    cloud, sample = dataset(tmp_path, frame(tmp_path, points, rows))[0]
    assert cloud.dtype == torch.float32
    torch.testing.assert_close(cloud, torch.tensor([[0, 0, 0, 7, 0], [15.9, 0, 0, 7, 0]]))
    assert sample.boxes[:, 0].tolist() == [1.0]


def test_boxes_to_ignore_and_boxes_with_too_few_points_are_not_learnt(tmp_path):
    rows = instances([[i, 0, 0, 4, 2, 1.5, 0] for i in range(4)], labels=[0, -1, 2, 1], counts=[5, 9, 4, 6])
    _, sample = dataset(tmp_path, frame(tmp_path, [[0, 0, 0]], rows), min_points=5)[0]
    assert sample.boxes[:, 0].tolist() == [0.0, 3.0]
    assert sample.labels.tolist() == [0, 1]


def test_a_sweep_is_brought_into_the_frame_with_its_age(tmp_path):
    now = transform(rotation_from_yaw(0.4), (10.0, 3.0, 0.5))
    before = transform(rotation_from_yaw(0.3), (9.0, 2.5, 0.4))
    fixed = np.array([[12.0, 5.0, 1.0], [8.0, 1.0, 0.7]])  # standing in the world
    earlier = frame(tmp_path, apply(inverse(before), fixed), name="1", pose=before, time=9.9)
    sweep = info.Sweep(
        9.9, "t", earlier.lidar_path, np.eye(4), before, compose(inverse(before), now), earlier.num_pts_feats
    )
    key = frame(tmp_path, apply(inverse(now), fixed), name="0", pose=now, time=10.0, sweeps=[sweep])
    cloud, _ = dataset(tmp_path, key)[0]
    torch.testing.assert_close(cloud[:2, :3], cloud[2:, :3], atol=1e-5, rtol=0)
    torch.testing.assert_close(cloud[:, 4], torch.tensor([0.0, 0.0, 0.1, 0.1]))


def test_no_more_sweeps_are_added_than_the_model_takes(tmp_path):
    other = frame(tmp_path, [[1, 1, 1]], name="1")
    sweeps = [info.Sweep(-0.1 * i, "t", other.lidar_path, np.eye(4), np.eye(4), np.eye(4), 5) for i in (1, 2, 3)]
    key = frame(tmp_path, [[0, 0, 0]], sweeps=sweeps)
    assert [len(dataset(tmp_path, key, max_sweeps=n)[0][0]) for n in (0, 1, 2, 9)] == [1, 2, 3, 4]


def test_columns_are_chosen_by_name(tmp_path):
    cloud, _ = dataset(tmp_path, frame(tmp_path, [[1, 2, 3]]), point_features=["x", "y", "z", "lag"])[0]
    assert cloud.tolist() == [[1, 2, 3, 0]]
    with pytest.raises(T4zooError, match="ring"):
        dataset(tmp_path, point_features=["x", "ring"])


def test_a_batch_keeps_the_clouds_at_their_own_lengths(tmp_path):
    rows = instances([[1, 2, 0, 4, 2, 1.5, 0]])
    data = dataset(tmp_path, frame(tmp_path, [[0, 0, 0]] * 3, rows), frame(tmp_path, [[0, 0, 0]], name="1"))
    batch = collate([data[0], data[1]])
    assert [len(cloud) for cloud in batch["inputs"]] == [3, 1]
    assert [len(sample.labels) for sample in batch["data_samples"]] == [1, 0]


def test_an_info_file_for_other_classes_is_refused(tmp_path):
    path = tmp_path / "info.pkl"
    info.save(path, info.Info(("car", "bus"), "base", (frame(tmp_path, [[0, 0, 0]]),)))
    options = {"point_features": FEATURES, "point_cloud_range": RANGE, "max_sweeps": 0}
    assert len(LidarDataset(path, tmp_path, class_names=["car", "bus"], **options)) == 1
    with pytest.raises(info.InfoError, match="bus"):
        LidarDataset(path, tmp_path, class_names=["bus", "car"], **options)


def test_an_info_file_of_fewer_sweeps_than_the_model_takes_is_refused(tmp_path):
    path = tmp_path / "info.pkl"
    info.save(path, info.Info(("car",), "base", (frame(tmp_path, [[0, 0, 0]]),), {"max_sweeps": 1}))
    options = {"point_features": FEATURES, "point_cloud_range": RANGE}
    assert len(LidarDataset(path, tmp_path, max_sweeps=1, **options)) == 1
    with pytest.raises(info.InfoError, match="max_sweeps 1, and the model takes 2"):
        LidarDataset(path, tmp_path, max_sweeps=2, **options)


def test_clouds_without_intensity_are_refused(tmp_path):
    bare = replace(frame(tmp_path, np.zeros((1, 3))), num_pts_feats=3)
    with pytest.raises(T4zooError, match=r"0\.bin: its points have 3 values; x, y, z, intensity are needed"):
        LidarDataset([bare], tmp_path, FEATURES, RANGE, 0)


def test_an_info_file_without_frames_is_refused(tmp_path):
    path = tmp_path / "info.pkl"
    info.save(path, info.Info(("car",), "base", ()))
    with pytest.raises(info.InfoError, match="no frame"):
        LidarDataset(path, tmp_path, point_features=FEATURES, point_cloud_range=RANGE, max_sweeps=0)


def test_a_lost_lidar_file_is_named(tmp_path):
    lost = replace(frame(tmp_path, [[0, 0, 0]]), lidar_path="gone/00000.pcd.bin")
    with pytest.raises(T4zooError, match=r"gone/00000\.pcd\.bin"):
        dataset(tmp_path, lost)[0]
