import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from t4zoo import info
from t4zoo.dataset import Augmentation, LidarDataset, collate
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


@pytest.mark.parametrize(
    "options",
    [
        {"flip_x": 1.0},
        {"flip_y": 1.0},
        {"half_turn": 1.0},
        {"rotation": 3.0},
        {"scale": 0.2},
        {"flip_x": 1.0, "flip_y": 1.0, "half_turn": 1.0, "rotation": 3.0, "scale": 0.2},
    ],
)
def test_augmented_boxes_stay_on_their_points(options):
    none = {"flip_x": 0.0, "flip_y": 0.0, "half_turn": 0.0, "rotation": 0.0, "scale": 0.0}
    augment = Augmentation(**{**none, **options})
    box = np.array([[5.0, -2.0, 0.5, 4.0, 2.0, 1.5, 0.7]])
    nose = box[0, :3] + rotation_from_yaw(0.7) @ [2.0, 1.0, 0.75]  # a corner in front on the left, on the top
    points = np.array([[*nose, 1.0, 0.0], [*box[0, :3], 1.0, 0.0]], dtype=np.float32)
    ahead = np.array([[math.cos(0.7), math.sin(0.7)]])
    moved, boxes, velocities = augment(np.random.default_rng(3), points, box, ahead)
    assert not np.allclose(boxes, box)
    np.testing.assert_allclose(moved[1, :3], boxes[0, :3], atol=1e-5)
    inside = rotation_from_yaw(-boxes[0, 6]) @ (moved[0, :3] - boxes[0, :3])
    mirrored = (options.get("flip_x", 0) + options.get("flip_y", 0)) % 2
    np.testing.assert_allclose(inside / boxes[0, 3:6], [0.5, -0.5 if mirrored else 0.5, 0.5], atol=1e-5)
    assert math.atan2(velocities[0, 1], velocities[0, 0]) == pytest.approx(boxes[0, 6])
    assert -math.pi <= boxes[0, 6] < math.pi
    np.testing.assert_array_equal(box[0], [5.0, -2.0, 0.5, 4.0, 2.0, 1.5, 0.7])


def test_augmentation_follows_from_seed_epoch_and_index_alone(tmp_path):
    augment = {"flip_x": 0.5, "flip_y": 0.5, "half_turn": 0.5, "rotation": 0.5, "scale": 0.1}
    frames = [frame(tmp_path, np.random.default_rng(i).uniform(-9, 9, (20, 3)), name=str(i)) for i in range(2)]

    def clouds(seed, epoch, order=(0, 1), cache=False):
        data = dataset(tmp_path, *frames, augment=augment, seed=seed, cache=cache)
        data.set_epoch(epoch)
        return {index: data[index][0] for index in order}

    first = clouds(1, 4)
    for again in (clouds(1, 4, (1, 0)), clouds(1, 4, (0, 0, 1), cache=True)):
        assert all(torch.equal(again[i], first[i]) for i in first)
    assert not torch.equal(clouds(1, 5)[0], first[0])
    assert not torch.equal(clouds(2, 4)[0], first[0])


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
