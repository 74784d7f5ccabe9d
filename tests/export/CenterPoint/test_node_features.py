"""The node's preprocessing, against a loop that follows its kernel line by line, and against the model's own."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from t4zoo.export.CenterPoint.node_features import canvas, pillars
from t4zoo.models.common.pillars import pad

POINT_SIZES = {9: 4, 10: 4, 11: 5}


def parameters(features: int = 9, **changes) -> dict:
    return {
        "point_cloud_range": [-8.0, -4.0, -3.0, 8.0, 4.0, 5.0],
        "voxel_size": [0.5, 0.25, 8.0],
        "max_voxel_size": 1000,
        "point_feature_size": POINT_SIZES[features],
        "encoder_in_feature_size": features,
    } | changes


def points(size: int, count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(size)
    xyz = rng.uniform((-9, -5, -4), (9, 5, 6), (count, 3))
    crowd = np.tile((1.1, 0.6, 0.2), (50, 1)) + rng.uniform(0, 0.1, (50, 3))
    rest = rng.uniform(0, 255, (count + 50, size - 3))
    return np.column_stack([np.concatenate([xyz, crowd]), rest]).astype(np.float32)


def by_the_kernel(cloud: np.ndarray, model: dict) -> dict[tuple[int, int], list[list[float]]]:
    """(y, x) of the cell -> the features of its points, as generateVoxels and generateFeatures compute them."""
    low, high = model["point_cloud_range"][:3], model["point_cloud_range"][3:]
    voxel, size = model["voxel_size"], model["encoder_in_feature_size"]
    cells = defaultdict(list)
    for point in cloud.tolist():
        if all(low[i] <= point[i] < high[i] for i in range(3)):
            x, y = (math.floor((point[i] - low[i]) / voxel[i]) for i in (0, 1))
            if len(cells[y, x]) < 32:
                cells[y, x].append(point)
    result = {}
    for (y, x), members in cells.items():
        mean = [sum(point[i] for point in members) / len(members) for i in range(3)]
        centre = [voxel[0] / 2 + x * voxel[0] + low[0], voxel[1] / 2 + y * voxel[1] + low[1], voxel[2] / 2 + low[2]]
        result[y, x] = [
            [*p, *(p[i] - mean[i] for i in range(3)), *(p[i] - centre[i] for i in range(2 if size == 9 else 3))]
            for p in members
        ]
    return result


@pytest.mark.parametrize("size", [9, 10, 11])
def test_features_are_those_of_the_nodes_kernel_with_zeros_behind_them(size):
    model = parameters(size)
    cloud = points(POINT_SIZES[size])
    made, wanted = pillars(cloud, model), by_the_kernel(cloud, model)
    assert made.features.shape == (len(wanted), 32, size)
    assert {tuple(cell) for cell in made.cells.tolist()} == set(wanted)
    for features, cell in zip(made.features, made.cells.tolist(), strict=True):
        rows = wanted[tuple(cell)]
        assert features[: len(rows)] == pytest.approx(np.array(rows), abs=1e-4)
        assert not features[len(rows) :].any()


def test_a_pillar_keeps_32_points_and_says_that_it_had_more():
    made = pillars(points(4), parameters())
    assert made.crowded == 1
    assert made.features[:, :, :3].any(axis=2).sum(axis=1).max() == 32


def test_pillars_beyond_the_nodes_limit_are_dropped_and_counted():
    everything, limited = pillars(points(4), parameters()), pillars(points(4), parameters(max_voxel_size=100))
    assert everything.dropped == 0
    assert len(limited.cells) == 100
    assert limited.dropped == len(everything.cells) - 100
    assert np.array_equal(limited.features, everything.features[:100])


def test_a_cloud_without_a_point_in_range_has_no_pillar():
    made = pillars(np.full((3, 4), 100.0, np.float32), parameters())
    assert made.features.shape == (0, 32, 9)
    assert not canvas(np.zeros((0, 1, 32), np.float32), made.cells, parameters()).any()


def test_a_pillar_stands_on_the_canvas_in_row_y_and_column_x():
    cells = np.array([[3, 20]])
    image = canvas(np.arange(32, dtype=np.float32).reshape(1, 1, 32) + 1, cells, parameters())
    assert image.shape == (1, 32, 32, 32)
    assert image[0, :, 3, 20].tolist() == list(range(1, 33))
    assert np.count_nonzero(image) == 32


def test_the_model_sees_the_same_features_in_the_same_cells(model, clouds):
    from t4zoo.models.CenterPoint.export import model_params

    for cloud in clouds:
        made = pillars(cloud, model_params(model) | {"max_voxel_size": 40000})
        theirs = model.grid.voxelise([torch.from_numpy(cloud)])
        assert np.array_equal(made.cells, theirs.cells[:, 1:].numpy())
        features = pad(theirs, model.grid.decorate(theirs, model.centre_z)).numpy()
        assert np.abs(made.features - features).max() <= 1e-5
        assert made.crowded > 0
