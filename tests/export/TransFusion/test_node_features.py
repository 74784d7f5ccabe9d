"""The node's preprocessing, against a loop that follows its kernel line by line, and against the model's own."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from t4zoo.export.TransFusion.node_features import voxels
from t4zoo.models.common.pillars import pad
from t4zoo.models.TransFusion.export import Network

PARAMETERS = {
    "point_cloud_range": [-8.0, -4.0, -3.0, 8.0, 4.0, 5.0],
    "voxel_size": [0.5, 0.25, 8.0],
    "voxels_num": [1, 500, 1000],
}


def points(count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    xyz = rng.uniform((-9, -5, -4), (9, 5, 6), (count, 3))
    crowd = np.tile((1.1, 0.6, 0.2), (50, 1)) + rng.uniform(0, 0.1, (50, 3))
    rest = np.column_stack([rng.integers(0, 256, count + 50), rng.uniform(0, 0.3, count + 50)])
    return np.column_stack([np.concatenate([xyz, crowd]), rest]).astype(np.float32)


def by_the_kernel(cloud: np.ndarray) -> dict[tuple[int, int], list[list[float]]]:
    """(y, x) of the cell -> its points, as generateVoxels_random_kernel sorts them, one thread after the other."""
    low, high, size = PARAMETERS["point_cloud_range"][:3], PARAMETERS["point_cloud_range"][3:], PARAMETERS["voxel_size"]
    cells = defaultdict(list)
    for point in cloud.tolist():
        if any(value <= a or value >= b for value, a, b in zip(point[:3], low, high, strict=True)):
            continue
        x, y = (math.floor((point[i] - low[i]) / size[i]) for i in (0, 1))
        if len(cells[y, x]) < 20:
            cells[y, x].append(point)
    return cells


def test_each_pillar_holds_the_points_that_the_kernel_puts_into_it():
    made, wanted = voxels(points(), PARAMETERS), by_the_kernel(points())
    assert (made.voxels.dtype, made.counts.dtype, made.coors.dtype) == (np.float32, np.int32, np.int32)
    assert [tuple(row[2:]) for row in made.coors.tolist()] == sorted(wanted)
    assert not made.coors[:, :2].any()
    for held, count, (_, _, y, x) in zip(made.voxels, made.counts, made.coors.tolist(), strict=True):
        assert count == len(wanted[y, x])
        np.testing.assert_array_equal(held[:count], np.float32(wanted[y, x]))
        assert not held[count:].any()
    assert made.counts.max() == 20
    assert made.crowded == 1


def test_a_point_on_the_border_of_the_range_is_left_out():
    border = np.array([[-8.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 5.0, 1.0, 0.0], [7.99, 0.0, 0.0, 1.0, 0.0]], np.float32)
    assert voxels(border, PARAMETERS).counts.tolist() == [1]


def test_pillars_beyond_the_most_are_counted_as_dropped():
    few = voxels(points(), PARAMETERS | {"voxels_num": [1, 5, 10]})
    assert len(few.voxels) == 10
    assert few.dropped == len(by_the_kernel(points())) - 10


def test_an_empty_cloud_fills_no_pillar():
    assert len(voxels(np.zeros((0, 5), np.float32), PARAMETERS).voxels) == 0


@pytest.mark.parametrize("number", range(3))
def test_the_network_is_told_of_each_point_what_it_was_told_in_training(model, clouds, number):
    parameters = {
        "point_cloud_range": list(model.point_cloud_range),
        "voxel_size": list(model.voxel_size),
        "voxels_num": [1, 5000, 60000],
    }
    made = voxels(clouds[number], parameters)
    held, counts, coors = (torch.from_numpy(value) for value in made[:3])
    theirs = model.grid.voxelise([torch.from_numpy(clouds[number])])
    torch.testing.assert_close(coors[:, 2:].long(), theirs.cells[:, 1:])
    torch.testing.assert_close(counts.long(), theirs.counts)
    wanted = pad(theirs, model.grid.decorate(theirs, centre_z=True))
    torch.testing.assert_close(Network(model).decorate(held, counts, theirs.cells), wanted, atol=1e-5, rtol=1e-5)
