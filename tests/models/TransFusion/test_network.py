import math

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from t4zoo.errors import UsageError
from t4zoo.models.common.query_head import Queries
from t4zoo.models.TransFusion.network import TransFusion
from tests.pipeline import ROOT


def settings(name="tiny") -> dict:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("train", [f"algorithm=TransFusion/{name}"])
    return OmegaConf.to_container(cfg.algorithm.network, resolve=True)


def network(**changes) -> TransFusion:
    torch.manual_seed(0)
    arguments = settings() | changes
    arguments.pop("type")
    return TransFusion(**arguments)


def test_queries_are_chosen_where_the_map_is_highest_and_know_their_class():
    head = network().head
    heat = torch.full((1, 5, 32, 32), 0.01)
    heat[0, 0, 4, 20] = 0.9  # a car
    heat[0, 0, 4, 21] = 0.8  # the same car's next cell: no peak
    heat[0, 4, 9, 3], heat[0, 4, 9, 4] = 0.7, 0.6  # two pedestrians side by side
    values, labels, cells = head._choose(heat)
    assert values[0, :3].tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert labels[0, :3].tolist() == [0, 4, 4]
    assert cells[0, :3].tolist() == [4 * 32 + 20, 9 * 32 + 3, 9 * 32 + 4]
    assert head.middles[cells[0, 0]].tolist() == [20.5, 4.5]


def test_of_equal_places_the_first_are_chosen():
    head = network().head
    _, labels, cells = head._choose(torch.full((2, 5, 32, 32), 0.01))
    assert labels.unique().tolist() == [0]
    assert cells.tolist() == [list(range(40))] * 2


def test_a_query_is_as_sure_as_its_place_is_hot_times_what_it_says_of_its_class():
    logits = torch.tensor([[[0.0, 9.0], [9.0, math.log(3)]]])
    labels, heat = torch.tensor([[0, 1]]), torch.tensor([[0.4, 0.8]])
    found = Queries(torch.zeros(1, 2, 4, 4), labels, heat, logits, torch.zeros(1, 2, 10))
    torch.testing.assert_close(found.scores, torch.tensor([[0.4 * 0.5, 0.8 * 0.75]]))


def test_what_a_query_takes_from_the_map_depends_on_where_it_is():
    head = network().eval().head
    rows, places, flat = torch.rand(1, 3, 48), torch.rand(1, 3, 48), torch.rand(1, 1024, 48)
    here, there = (head.decoder(rows, places, flat, grid) for grid in torch.rand(2, 1, 1024, 48))
    assert not torch.allclose(here, there, atol=1e-4)


def test_the_order_of_the_queries_changes_no_box():
    # Attention knows no order: what a query says follows from its place, its class and what the others are.
    head = network().eval().head
    rows = torch.rand(1, 40, 48)
    mixed = torch.randperm(40)
    places, flat, grid = torch.rand(1, 40, 48), torch.rand(1, 1024, 48), torch.rand(1, 1024, 48)
    before = head.decoder(rows, places, flat, grid)
    after = head.decoder(rows[:, mixed], places[:, mixed], flat, grid)
    torch.testing.assert_close(after, before[:, mixed])


def test_a_point_far_to_the_left_stands_in_high_rows_and_middle_columns():
    canvas = network().eval().canvas([torch.tensor([[0.1, 15.9, 0.0, 50.0, 0.0]])])
    assert canvas.shape == (1, 24, 128, 128)
    assert canvas.abs().sum(dim=(0, 1)).nonzero().tolist() == [[127, 64]]


def test_a_pillar_holds_twenty_points_as_in_the_node():
    cloud = torch.cat([torch.full((30, 2), 0.1), torch.rand(30, 3)], dim=1)
    model = network().eval()
    torch.testing.assert_close(model.canvas([cloud]), model.canvas([cloud[:20]]))
    assert not torch.equal(model.canvas([cloud]), model.canvas([cloud[:19]]))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"point_cloud_range": [-16.0, -16.0, -3.0, 16.5, 16.0, 5.0]}, "divide"),
        ({"point_features": ["x", "y", "z", "lag"]}, r"node gives \['x', 'y', 'z', 'intensity', 'lag'\]"),
        ({"neck": {"channels": [24, 32, 32], "strides": [1, 2, 4]}}, "2 times as coarse .* cells of 4 pillars"),
        ({"neck": {"channels": [24, 32, 32], "strides": [1, 2, 2]}}, "unequal"),
    ],
)
def test_what_the_node_could_not_run_is_refused(changes, says):
    with pytest.raises(UsageError, match=says):
        network(**changes)


def test_the_full_size_has_the_grid_and_the_queries_of_the_vehicles():
    arguments = settings("base")
    arguments.pop("type")
    with torch.device("meta"):
        model = TransFusion(**arguments)
    assert model.grid.shape == (768, 768)
    assert (model.head.shape, model.head.queries, model.downsample) == ((192, 192), 500, 4)
    assert math.isclose(model.head.coder.cell_size[0], 0.96)


def test_more_queries_than_cells_are_refused():
    with pytest.raises(UsageError, match="queries is 9000"):
        network(head=settings()["head"] | {"queries": 9000})
