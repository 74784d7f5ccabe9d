import pytest
import torch
from mmengine.registry import MODELS
from omegaconf import OmegaConf

from t4zoo.errors import UsageError
from t4zoo.models.BEVFusion.head import Detections
from t4zoo.models.BEVFusion.network import BEVFusion
from t4zoo.models.common import checkpoint
from tests.models.common.trainings import make_data, run
from tests.pipeline import compose


def settings(name="tiny") -> dict:
    cfg, _ = compose("train", (f"algorithm=BEVFusion/{name}",))
    return OmegaConf.to_container(cfg.algorithm.network, resolve=True)


def network(**changes) -> BEVFusion:
    torch.manual_seed(0)
    return MODELS.build(settings() | changes)


def test_the_height_of_a_point_is_not_lost():
    model = network().eval()
    low, high = (model.canvas([torch.tensor([[0.1, 15.9, z, 50.0, 0.0]])]) for z in (-2.5, 4.5))
    assert low.shape == (1, 64, 32, 32)
    for canvas in (low, high):
        assert canvas.abs().sum(dim=(0, 1)).nonzero().tolist() == [[31, 16]]
    assert not torch.equal(low.bool(), high.bool())


def test_boxes_are_made_of_what_the_node_reads():
    model = network().eval()
    (said,) = model.head.detections(model([torch.rand(200, 5) * 10]))
    assert Detections._fields == ("bbox_pred", "score", "label_pred")
    assert [tuple(one.shape) for one in said] == [(10, 40), (40,), (40,)]
    assert said.label_pred.dtype == torch.int64
    assert said.score.min() >= 0 and said.score.max() <= 1


def test_what_is_exported_sees_the_voxels_of_one_cloud():
    model, cloud = network().eval(), torch.rand(200, 5) * 10
    whole, part = model([cloud]), model.of_voxels(model.grid.voxelise([cloud]))
    assert all(torch.equal(one, other) for one, other in zip(whole, part, strict=True))


def test_a_log_and_a_checkpoint_say_how_convolution_was_computed(tmp_path):
    path = run(make_data(tmp_path), tmp_path / "train", "algorithm=BEVFusion/tiny", "algorithm.epochs=1")
    assert "trains with dense convolution in space" in (path.parent / "train_log.log").read_text()
    assert checkpoint.load(path).meta["model"]["encoder"]["convolution"] == "dense"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"point_features": ["x", "y", "z"]},
            r"gives \['x', 'y', 'z', 'lag'\] and \['x', 'y', 'z', 'intensity', 'lag'\]",
        ),
        ({"neck": {"channels": [24, 32, 32], "strides": [1, 2, 2]}}, "unequal"),
    ],
)
def test_what_the_node_could_not_run_is_refused(changes, says):
    with pytest.raises(UsageError, match=says):
        network(**changes)


def test_the_full_size_has_the_grid_and_the_queries_of_the_vehicles():
    full = settings("base")
    assert full["encoder"]["convolution"] == "sparse"
    full["encoder"]["convolution"] = "dense"
    with torch.device("meta"):
        model = MODELS.build(full)
    assert model.grid.shape == (40, 1440, 1440)
    assert (model.head.shape, model.head.queries, model.out_size_factor) == ((180, 180), 500, 8)
    assert model.encoder.out_channels == 256
