import pytest
import torch

from t4zoo.models.common.voxels import VoxelGrid

GRID = VoxelGrid((-4.0, -2.0, -1.0, 4.0, 2.0, 1.0), (1.0, 0.5, 0.5), max_points=3)


def test_the_grid_has_slices_rows_and_columns():
    assert GRID.shape == (4, 8, 8)
    assert VoxelGrid((-122.4, -122.4, -3.0, 122.4, 122.4, 5.0), (0.17, 0.17, 0.2), 10).shape == (40, 1440, 1440)


def test_a_voxel_is_the_mean_of_its_points():
    cloud = torch.tensor([[0.2, 0.1, 0.1, 10.0], [0.8, 0.3, 0.3, 30.0], [0.2, 0.1, 0.6, 50.0]])
    features, cells = GRID.voxelise([cloud])
    assert cells.tolist() == [[0, 2, 4, 4], [0, 3, 4, 4]]  # two heights, which a pillar would not tell apart
    torch.testing.assert_close(features, torch.tensor([[0.5, 0.2, 0.2, 20.0], [0.2, 0.1, 0.6, 50.0]]))


def test_only_the_first_points_of_a_voxel_count():
    cloud = torch.cat([torch.full((7, 3), 0.1), torch.arange(7.0)[:, None]], dim=1)
    (features, _), (first, _) = GRID.voxelise([cloud]), GRID.voxelise([cloud[:3]])
    assert torch.equal(features, first)
    assert features[0, 3] == 1.0


def test_clouds_do_not_mix():
    one, two = torch.rand(60, 4) * 2 - 1, torch.rand(60, 4) * 2 - 1
    both = GRID.voxelise([one, two])
    for i, cloud in enumerate((one, two)):
        alone, mine = GRID.voxelise([cloud]), both.cells[:, 0] == i
        assert torch.equal(both.features[mine], alone.features)
        assert torch.equal(both.cells[mine, 1:], alone.cells[:, 1:])


@pytest.mark.parametrize(
    ("point", "held"),
    [
        ((-4.0, -2.0, -1.0), True),
        ((4.0, 0.0, 0.0), False),
        ((0.0, 0.0, 1.0), False),
        ((3.9999998, 1.9999999, 0.0), True),
    ],
)
def test_the_lower_border_is_in_the_range_and_the_upper_one_is_not(point, held):
    features, cells = GRID.voxelise([torch.tensor([[*point, 0.0]])])
    assert len(features) == held
    assert (cells[:, 1:] < torch.tensor(GRID.shape)).all()


def test_a_cloud_without_points_has_no_voxels():
    features, cells = GRID.voxelise([torch.zeros(0, 4)])
    assert features.shape == (0, 4)
    assert cells.shape == (0, 4)
