import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.geometry import rotation_from_quaternion, rotation_from_yaw
from t4zoo.points import (
    PointsError,
    count_points,
    points_in_boxes_count,
    points_in_oriented_boxes_count,
    read_points,
    write_points,
)


def test_points_come_back_as_they_were_written(tmp_path: Path):
    points = np.arange(35, dtype=np.float32).reshape(7, 5)
    write_points(tmp_path / "cloud.pcd.bin", points)
    assert np.array_equal(read_points(tmp_path / "cloud.pcd.bin"), points)
    assert count_points(tmp_path / "cloud.pcd.bin") == 7
    assert [file.name for file in tmp_path.iterdir()] == ["cloud.pcd.bin"]


def test_the_file_is_headerless_little_endian_float32(tmp_path: Path):
    write_points(tmp_path / "cloud.pcd.bin", np.array([[1.0, 0, 0, 0, -1.0]]))
    assert (tmp_path / "cloud.pcd.bin").read_bytes() == bytes.fromhex("0000803f" + "00000000" * 3 + "000080bf")


@pytest.mark.parametrize("content", [b"", b"\0" * 19, b"\0" * 24])
@pytest.mark.parametrize("read", [read_points, count_points])
def test_a_broken_cloud_is_refused_by_name(tmp_path: Path, content: bytes, read):
    path = tmp_path / "cloud.pcd.bin"
    path.write_bytes(content)
    with pytest.raises(PointsError, match=r"cloud\.pcd\.bin"):
        read(path)


@pytest.mark.parametrize("read", [read_points, count_points])
def test_a_missing_cloud_is_refused_by_name(tmp_path: Path, read):
    with pytest.raises(PointsError, match=r"gone\.bin"):
        read(tmp_path / "gone.bin")


def test_a_cloud_of_six_features_is_read_as_such_only_when_told(tmp_path: Path):
    write_points(tmp_path / "cloud.bin", np.ones((3, 6)))
    assert read_points(tmp_path / "cloud.bin", num_features=6).shape == (3, 6)
    with pytest.raises(PointsError, match="whole number"):
        read_points(tmp_path / "cloud.bin")


def test_points_on_the_border_are_inside_and_points_beyond_are_not():
    box = np.array([[0.0, 0, 0, 4, 2, 2, 0]])
    faces = np.array([[2.0, 0, 0], [-2, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [2, 1, 1]])
    assert points_in_boxes_count(faces, box).tolist() == [7]
    assert points_in_boxes_count(faces * (1 + 1e-9), box).tolist() == [0]


def test_length_lies_along_the_heading():
    ahead = np.array([[0.0, 1.9, 0.0]])
    boxes = np.array([[0.0, 0, 0, 4, 1, 1, math.pi / 2], [0.0, 0, 0, 4, 1, 1, 0.0]])
    assert points_in_boxes_count(ahead, boxes).tolist() == [1, 0]


def test_no_boxes_and_no_points_give_no_counts():
    assert points_in_boxes_count(np.zeros((4, 3)), np.zeros((0, 7))).shape == (0,)
    assert points_in_boxes_count(np.zeros((0, 3)), np.ones((2, 7))).tolist() == [0, 0]


@given(st.integers(0, 10_000))
def test_an_oriented_box_counts_what_its_own_coordinates_say(seed: int):
    rng = np.random.default_rng(seed)
    points, centre, size = rng.normal(0, 2, (300, 3)), rng.normal(0, 1, 3), rng.uniform(0.5, 4, 3)
    rotation = rotation_from_quaternion(rng.normal(size=4))
    local = (points - centre) @ rotation
    inside = int((np.abs(local) <= size / 2).all(axis=1).sum())
    assert points_in_oriented_boxes_count(points, centre[None], size[None], rotation[None]).tolist() == [inside]


def test_many_boxes_on_many_points_count_what_each_box_alone_would():
    rng = np.random.default_rng(0)
    points = rng.normal(0, 3, (3000, 3))
    boxes = np.column_stack([rng.normal(0, 3, (120, 3)), rng.uniform(0.1, 9, (120, 3)), rng.uniform(-4, 4, 120)])
    boxes[0, :3] = 900.0  # far from all points, and from all other boxes
    counts = points_in_boxes_count(points, boxes)
    assert counts.tolist() == [points_in_boxes_count(points, box[None])[0] for box in boxes]
    for box, count in zip(boxes, counts, strict=True):
        assert count == int((np.abs((points - box[:3]) @ rotation_from_yaw(box[6])) <= box[3:6] / 2).all(axis=1).sum())


def test_points_that_are_nowhere_are_in_no_box():
    points = np.array([[0.0, 0.0, 0.0], [np.nan, 0.0, 0.0], [0.0, np.inf, 0.0]])
    assert points_in_boxes_count(points, np.array([[0.0, 0, 0, 4, 2, 2, 0]])).tolist() == [1]
