"""The node's preprocessing, against a loop that follows its kernel line by line."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from t4zoo.export.BEVFusion.node_features import voxels

PARAMETERS = {
    "point_cloud_range": [-8.0, -4.0, -3.0, 8.0, 4.0, 5.0],
    "voxel_size": [0.5, 0.25, 2.0],
    "voxels_num": [1, 500, 1000],
    "max_points_per_voxel": 10,
}
GRID = (4, 32, 32)  # z, y, x


def points(columns: int = 5, count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    xyz = rng.uniform((-9, -5, -4), (9, 5, 6), (count, 3))
    crowd = np.tile((1.1, 0.6, 0.2), (50, 1)) + rng.uniform(0, 0.1, (50, 3))
    rest = np.column_stack([rng.integers(0, 256, count + 50), rng.uniform(0, 0.3, count + 50)])
    return np.column_stack([np.concatenate([xyz, crowd]), rest[:, 5 - columns :]]).astype(np.float32)


def by_the_kernel(cloud: np.ndarray) -> dict[tuple[int, ...], list[np.ndarray]]:
    """(z, y, x) of the voxel -> its points, as build_hash_table and generate_voxel sort them, one after the other."""
    found = defaultdict(list)
    for point in cloud:
        place, inside = [], True
        for axis in range(3):
            at = 2 - axis
            low, size = np.float32(PARAMETERS["point_cloud_range"][at]), np.float32(PARAMETERS["voxel_size"][at])
            place.append(int(np.floor((point[at] - low) / size)))
            inside &= 0 <= place[-1] < GRID[axis]
        if inside and len(found[tuple(place)]) < 10:
            found[tuple(place)].append(point)
    return dict(found)


@pytest.mark.parametrize("columns", [4, 5])
def test_each_voxel_holds_the_points_that_the_kernel_puts_into_it(columns):
    cloud = points(columns)
    made, wanted = voxels(cloud, PARAMETERS), by_the_kernel(cloud)
    assert (made.voxels.dtype, made.counts.dtype, made.coors.dtype) == (np.float32, np.int32, np.int32)
    assert made.voxels.shape[1:] == (10, columns)
    assert [tuple(row) for row in made.coors.tolist()] == sorted(wanted)
    for held, count, place in zip(made.voxels, made.counts, made.coors.tolist(), strict=True):
        assert count == len(wanted[tuple(place)])
        np.testing.assert_array_equal(held[:count], np.float32(wanted[tuple(place)]))
        assert not held[count:].any()
    assert made.counts.max() == 10
    assert made.crowded == 1


def test_places_are_z_then_y_then_x():
    [place] = voxels(np.array([[7.9, -3.9, 1.5, 0.0, 0.0]], np.float32), PARAMETERS).coors.tolist()
    assert place == [2, 0, 31]


def test_a_point_on_the_lower_border_is_in_and_one_on_the_upper_is_not():
    border = np.array([[-8.0, -4.0, -3.0, 1.0, 0.0], [8.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 5.0, 1.0, 0.0]], np.float32)
    assert voxels(border, PARAMETERS).coors.tolist() == [[0, 0, 0]]


def test_voxels_beyond_the_most_are_counted_as_dropped():
    few = voxels(points(), PARAMETERS | {"voxels_num": [1, 5, 10]})
    assert len(few.voxels) == 10
    assert few.dropped == len(by_the_kernel(points())) - 10


def test_an_empty_cloud_fills_no_voxel():
    assert len(voxels(np.zeros((0, 5), np.float32), PARAMETERS).voxels) == 0
