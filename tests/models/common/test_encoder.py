import pytest
import torch

from t4zoo.models.common.encoder import PillarEncoder
from t4zoo.models.common.pillars import PillarGrid, pad

GRID = PillarGrid((-4.0, -4.0, -1.0, 4.0, 4.0, 3.0), (0.5, 0.5, 4.0))


def trained_encoder(seed: int) -> PillarEncoder:
    """One whose batch norm has seen data and moves zeros to either side."""
    torch.manual_seed(seed)
    encoder = PillarEncoder(9, 32, {"eps": 1e-3, "momentum": 0.1})
    with torch.no_grad():
        encoder.norm.bias.normal_()
        encoder.norm.running_mean.normal_()
        encoder.norm.running_var.uniform_(0.5, 2.0)
    return encoder.eval()


@pytest.mark.parametrize("seed", range(5))
def test_the_form_for_training_and_the_padded_form_of_the_node_agree(seed):
    encoder = trained_encoder(seed)
    cloud = torch.rand(600, 4) * 8 - 4
    crowd = torch.rand(50, 4) * 0.4  # fills one pillar beyond its 32 points, so that it has no padding
    pillars = GRID.voxelise([torch.cat([cloud, crowd])])
    assert {1, 32} <= set(pillars.counts.tolist())
    features = GRID.decorate(pillars, centre_z=False)
    padded = encoder.forward_padded(pad(pillars, features))
    assert padded.shape == (len(pillars.counts), 1, 32)
    torch.testing.assert_close(encoder(features, pillars), padded[:, 0], atol=1e-5, rtol=0)


def test_padding_takes_part_in_the_maximum():
    # Were it left out, the vehicle's pillars would differ from those that were trained with.
    encoder = trained_encoder(0)
    encoder.norm.bias.data.fill_(5.0)
    encoder.linear.weight.data.fill_(-1.0)
    pillars = GRID.voxelise([torch.full((1, 4), 0.3)])
    features = torch.full((1, 9), 1.0)
    alone = torch.relu(encoder.norm(encoder.linear(features)))
    assert (encoder(features, pillars) > alone + 1).all()


def test_every_point_that_counts_is_learnt_from():
    encoder = trained_encoder(1).train()
    pillars = GRID.voxelise([torch.rand(100, 4) * 8 - 4])
    encoder(GRID.decorate(pillars, centre_z=False), pillars).square().sum().backward()
    assert encoder.linear.weight.grad.abs().sum() > 0
    assert encoder.linear.weight.grad.isfinite().all()
