"""What holds for every algorithm: it learns, in half precision too, and is built at full size."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS
from omegaconf import OmegaConf

from t4zoo import info
from t4zoo.dataset import Sample
from t4zoo.errors import UsageError
from t4zoo.evaluate.score import Rules, score
from t4zoo.models.common import checkpoint
from t4zoo.models.common.inference import predict
from tests.models.common.trainings import ALGORITHMS, learn_by_heart, make_scene
from tests.models.street import CLASSES
from tests.pipeline import CONF, compose

STEPS = 100
RULES = Rules((0.5, 1.0, 2.0, 4.0), 2.0, 0.1, 0.1, ((0.0, 16.0),))
CAR = Sample(torch.tensor([[1.0, 2.0, 0.0, 4.0, 2.0, 1.5, 0.3]]), torch.zeros(1, 2), torch.tensor([0]))
NONE = Sample(torch.zeros(0, 7), torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))
OPTIONS = sorted(
    file.relative_to(CONF / "algorithm").with_suffix("").as_posix() for file in CONF.rglob("algorithm/*/*")
)
FULL = [option for option in OPTIONS if not option.endswith("/tiny")]

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def arguments(option: str, **changes) -> dict:
    cfg, _ = compose("train", (f"algorithm={option}",))
    return OmegaConf.to_container(cfg.algorithm.network, resolve=True) | changes


def network(option: str, **changes):
    torch.manual_seed(0)
    given = arguments(option, **changes)
    return MODELS.build(given)


def clouds(model, count: int = 2) -> list[torch.Tensor]:
    return [torch.rand(50, len(model.point_features)) for _ in range(count)]


def in_dense_form(option: str, **changes) -> dict:
    """The changes that make a network of full size run everywhere: the weights are the same."""
    encoder = arguments(option).get("encoder", {})
    return changes | ({"encoder": encoder | {"convolution": "dense"}} if "convolution" in encoder else {})


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module", params=ALGORITHMS)
def learnt(request, scene, tmp_path_factory):
    """A network that has seen the frames of one scene many times, and the frames."""
    out = tmp_path_factory.mktemp(request.param) / "train"
    model, _ = checkpoint.build(learn_by_heart(scene, out, request.param, STEPS))
    return model, info.load(scene / "info_train.pkl").frames


def test_a_scene_can_be_learnt_by_heart(learnt, scene):
    model, frames = learnt
    result = score(frames, [rows for _, rows in predict(model, frames, scene, "m")], CLASSES, RULES)
    assert sum(one.truths for one in result.overall.classes) > 20
    assert result.overall.mean_precision > 0.95
    assert result.overall.mean_error("orientation") < 0.2


def test_predictions_are_the_same_one_by_one_and_together(learnt, scene):
    model, frames = learnt
    one, many = (list(predict(model, frames, scene, "m", batch_size=size)) for size in (1, 3))
    for (_, mine), (_, theirs) in zip(one, many, strict=True):
        assert mine.ids == theirs.ids
        np.testing.assert_allclose(mine.boxes, theirs.boxes, atol=1e-3)


def test_predictions_are_sorted_sure_and_apart(learnt, scene):
    model, frames = learnt
    for _, found in predict(model, frames, scene, "m"):
        assert (np.diff(found.scores) <= 0).all()
        assert (found.scores >= model.head.score_threshold).all()
        gaps = np.linalg.norm(found.boxes[:, None, :2] - found.boxes[None, :, :2], axis=2)
        assert (gaps + 99 * np.eye(len(found)) >= model.head.nms_distance).all()


def test_a_cloud_without_points_in_range_gives_boxes_of_no_consequence(learnt):
    model, _ = learnt
    (found,) = model.predict([torch.full((3, len(model.point_features)), 99.0)])
    assert found.boxes.shape[1] == 7
    assert torch.isfinite(found.boxes).all()


@each_algorithm
@pytest.mark.parametrize("spread", [1.0, 99.0], ids=["some points", "none in range"])
def test_a_frame_without_objects_can_be_learnt_from(algorithm, spread):
    model = network(f"{algorithm}/tiny")
    losses = model([cloud * 0.1 + spread for cloud in clouds(model)], [NONE, NONE], mode="loss")
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())
    assert [value for name, value in losses.items() if name in ("loss_centre", "loss_reg")] == [0]
    assert [name for name, value in model.named_parameters() if value.grad is None] == [], "several GPUs wait for each"


@each_algorithm
def test_unknown_velocities_are_not_learnt_from(algorithm):
    model = network(f"{algorithm}/tiny")
    unknown = Sample(CAR.boxes, torch.full((1, 2), torch.nan), CAR.labels)
    losses = model(clouds(model), [unknown, unknown], mode="loss")
    assert losses["loss_vel"] == 0
    assert losses["loss_dim"] > 0
    sum(losses.values()).backward()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())


@each_algorithm
def test_it_learns_in_half_precision(algorithm):
    model = network(f"{algorithm}/tiny")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = model(clouds(model), [CAR, CAR], mode="loss")
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())
    assert all(value.grad.isfinite().all() for value in model.parameters())


@each_algorithm
def test_every_weight_is_learnt(algorithm):
    model = network(f"{algorithm}/tiny")
    sum(model(clouds(model), [CAR, CAR], mode="loss").values()).backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


@each_algorithm
def test_the_weights_that_belong_to_classes_are_those_whose_shape_follows_their_number(algorithm):
    five, two = (network(f"{algorithm}/tiny", class_names=CLASSES[:n]).state_dict() for n in (5, 2))
    belonging = {name for name in five if five[name].shape != two[name].shape}
    assert belonging == set(network(f"{algorithm}/tiny").class_weights)


@each_algorithm
def test_a_range_that_the_strides_do_not_divide_is_refused(algorithm):
    with pytest.raises(UsageError, match="divide"):
        network(f"{algorithm}/tiny", point_cloud_range=[-16.0, -16.0, -3.0, 16.5, 16.0, 5.0])


def keys_of(settings, at: str = "") -> set[str]:
    if not isinstance(settings, dict):
        return {at}
    return {key for name, value in settings.items() for key in keys_of(value, f"{at}/{name}")} | {at}


@pytest.mark.parametrize("option", OPTIONS)
def test_the_choices_of_a_training_are_the_same_for_all(option):
    chosen, usual = (compose("train", (f"algorithm={name}",))[0].algorithm for name in (option, "CenterPoint/tiny"))
    assert list(chosen) == list(usual)
    for name in ("augment", "optimizer"):
        assert list(chosen[name]) == list(usual[name])


@pytest.mark.parametrize("option", OPTIONS)
def test_every_size_of_an_algorithm_takes_the_same_settings(option):
    tiny = arguments(f"{option.partition('/')[0]}/tiny")
    assert keys_of(arguments(option)) == keys_of(tiny)


# cells to a side
FULL_GRID = {"CenterPoint/base": 760, "CenterPoint/short_range": 640, "TransFusion/base": 768, "BEVFusion/base": 1440}


@pytest.mark.parametrize("option", FULL)
def test_a_full_size_reaches_from_its_cells_to_its_map(option):
    with torch.device("meta"):  # shapes alone: no memory, no arithmetic
        model = network(option, **in_dense_form(option)).eval()
        assert model.grid.shape[-2:] == (FULL_GRID[option],) * 2
        cells, channels = FULL_GRID[option] // getattr(model.encoder, "stride", 1), model.encoder.out_channels
        features = model.neck(model.backbone(torch.zeros(1, channels, cells, cells)))
    side = getattr(model, "downsample", None) or model.out_size_factor
    assert features.shape[2:] == (FULL_GRID[option] // side,) * 2
    low, _, _, high = model.point_cloud_range[:4]
    assert math.isclose(model.head.coder.cell_size[0] * features.shape[3], high - low)


def ground_of(option: str, cells: int | None) -> list[float]:
    """The range of the conf file, or one of so many cells to a side."""
    given = arguments(option)["point_cloud_range"]
    if cells is None:
        return given
    side = arguments(option)["voxel_size"][0] * cells / 2
    return [-side, -side, given[2], side, side, given[5]]


# CenterPoint/base would take a minute and 8 GB for all of its ground, and BEVFusion/base as dense 100 GB: a part of it.
@pytest.mark.parametrize(
    ("option", "cells"),
    [("CenterPoint/short_range", None), ("TransFusion/base", None), ("CenterPoint/base", 80), ("BEVFusion/base", 80)],
)
def test_a_network_of_full_size_learns_a_step(option, cells):
    model = network(option, **in_dense_form(option, point_cloud_range=ground_of(option, cells)))
    losses = model(clouds(model, 1), [CAR], mode="loss")
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())
    assert all(value.grad.isfinite().all() for value in model.parameters())
