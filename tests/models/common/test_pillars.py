import math

import pytest
import torch

from t4zoo.errors import UsageError
from t4zoo.models.common.pillars import PillarGrid, feature_count, pad, spread

GRID = PillarGrid((-4.0, -2.0, -1.0, 4.0, 2.0, 3.0), (0.5, 0.25, 4.0))


def cloud(count: int, seed: int = 0) -> torch.Tensor:
    points = torch.rand(count, 4, generator=torch.Generator().manual_seed(seed))
    return points * torch.tensor([10.0, 5.0, 5.0, 0.2]) - torch.tensor([5.0, 2.5, 1.5, 0.0])


def pillars_by_loop(clouds):
    """(batch, y, x) -> its points, written as plainly as can be."""
    low, high, size = GRID.point_cloud_range[:3], GRID.point_cloud_range[3:], GRID.voxel_size
    found = {}
    for batch, points in enumerate(clouds):
        for point in points.tolist():
            if all(low[i] <= point[i] < high[i] for i in range(3)):
                x, y = (math.floor((point[i] - low[i]) / size[i]) for i in (0, 1))
                found.setdefault((batch, y, x), []).append(point)
    return {cell: points[:32] for cell, points in sorted(found.items())}


def test_rows_are_along_y_and_columns_along_x():
    assert GRID.shape == (16, 16)
    assert PillarGrid((-121.6, -121.6, -3.0, 121.6, 121.6, 5.0), (0.32, 0.32, 8.0)).shape == (760, 760)


def test_pillars_are_those_of_a_plain_loop():
    clouds = [cloud(400), cloud(0), torch.cat([cloud(300, 1), torch.full((50, 4), 0.1)])]
    pillars, expected = GRID.voxelise(clouds), pillars_by_loop(clouds)
    assert [tuple(cell) for cell in pillars.cells.tolist()] == list(expected)
    assert pillars.counts.tolist() == [len(points) for points in expected.values()]
    for row, points in enumerate(expected.values()):
        assert torch.equal(pillars.points[pillars.owner == row], torch.tensor(points))


def test_a_full_pillar_keeps_its_first_32_points():
    points = torch.full((40, 4), 0.1)
    points[:, 3] = torch.arange(40)
    pillars = GRID.voxelise([points])
    assert pillars.counts.tolist() == [32]
    assert pillars.points[:, 3].tolist() == list(range(32))


@pytest.mark.parametrize("centre_z", [False, True])
def test_features_are_offsets_from_the_mean_and_from_the_centre(centre_z):
    pillars = GRID.voxelise([cloud(300)])
    features = GRID.decorate(pillars, centre_z)
    assert features.shape[1] == feature_count(["x", "y", "z", "lag"], centre_z)
    for cell, row in zip(pillars.cells.tolist(), range(len(pillars.counts)), strict=True):
        points, own = pillars.points[pillars.owner == row], features[pillars.owner == row]
        centre = torch.tensor([-4.0 + 0.5 * (cell[2] + 0.5), -2.0 + 0.25 * (cell[1] + 0.5), 1.0])
        torch.testing.assert_close(own[:, :4], points)
        torch.testing.assert_close(own[:, 4:7], points[:, :3] - points[:, :3].mean(dim=0))
        width = 3 if centre_z else 2
        torch.testing.assert_close(own[:, 7:], points[:, :width] - centre[:width])


def test_padding_puts_each_point_at_its_place_and_zeros_behind():
    pillars = GRID.voxelise([cloud(500)])
    padded = pad(pillars, pillars.points)
    for row, count in enumerate(pillars.counts.tolist()):
        assert torch.equal(padded[row, :count], pillars.points[pillars.owner == row])
        assert not padded[row, count:].any()


def test_the_canvas_has_each_pillar_at_its_own_cell():
    pillars = GRID.voxelise([cloud(200), cloud(200, 1)])
    encoded = torch.arange(1.0, len(pillars.counts) + 1)[:, None]
    canvas = spread(encoded, pillars.cells, 2, GRID.shape)
    for value, (batch, y, x) in enumerate(pillars.cells.tolist(), start=1):
        assert canvas[batch, 0, y, x] == value
    assert int((canvas != 0).sum()) == len(encoded)


def test_features_that_the_node_does_not_compute_are_refused():
    with pytest.raises(UsageError, match="intensity"):
        feature_count(["x", "y", "z", "intensity", "lag"], centre_z=False)
