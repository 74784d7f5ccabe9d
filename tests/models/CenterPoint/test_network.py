import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from t4zoo.errors import UsageError
from t4zoo.models.CenterPoint.head import CenterMaps
from t4zoo.models.CenterPoint.network import CenterPoint
from tests.pipeline import ROOT


def settings(name="tiny") -> dict:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("train", [f"algorithm=CenterPoint/{name}"])
    return OmegaConf.to_container(cfg.algorithm.network, resolve=True)


def network(**changes) -> CenterPoint:
    torch.manual_seed(0)
    arguments = settings() | changes
    arguments.pop("type")
    return CenterPoint(**arguments)


def test_the_maps_stand_in_the_order_in_which_the_node_binds_them():
    maps = network().eval().forward([torch.rand(50, 4)])
    assert CenterMaps._fields == ("heatmap", "reg", "height", "dim", "rot", "vel")
    assert [tuple(item.shape) for item in maps] == [(1, channels, 32, 32) for channels in (5, 2, 1, 3, 2, 2)]


def test_points_far_to_the_left_appear_in_high_rows_and_middle_columns():
    canvas = network().eval().canvas([torch.tensor([[0.1, 15.9, 0.0, 0.0]])])
    assert canvas.shape == (1, 32, 64, 64)
    assert canvas.abs().sum(dim=(0, 1)).nonzero().tolist() == [[63, 32]]


def test_neck_levels_that_do_not_fit_together_are_refused():
    neck = settings()["neck"] | {"strides": [1, 2, 2]}
    with pytest.raises(UsageError, match="unequal"):
        network(neck=neck)


def test_the_full_size_has_the_grid_and_the_stride_of_the_vehicles():
    arguments = settings("base")
    arguments.pop("type")
    with torch.device("meta"):
        model = CenterPoint(**arguments)
    assert model.grid.shape == (760, 760)
    assert (model.downsample, model.in_features, model.encoder.out_channels) == (1, 9, 32)


def test_the_short_range_has_finer_pillars_and_one_feature_more():
    arguments = settings("short_range")
    arguments.pop("type")
    with torch.device("meta"):
        model = CenterPoint(**arguments)
    assert (model.grid.shape, model.voxel_size[0], model.point_cloud_range[3]) == ((640, 640), 0.16, 51.2)
    assert (model.downsample, model.in_features) == (4, 10)
