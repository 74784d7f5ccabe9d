"""Whatever conf/algorithm/ can be made to say: it trains, or the refusal names the key and what to give."""

from __future__ import annotations

import copy
import re

import pytest
from mmengine.registry import MODELS
from omegaconf import OmegaConf

from t4zoo.errors import T4zooError, UsageError
from t4zoo.models.common.numbers import RULES, check_network
from t4zoo.models.common.settings import check
from tests.models.common.trainings import ALGORITHMS, make_data, run
from tests.pipeline import CONF, compose

FILES = sorted((CONF / "algorithm").rglob("*.yaml"))
OPTIONS = [file.relative_to(CONF / "algorithm").with_suffix("").as_posix() for file in FILES]
PASTE = {"per_frame": {"car": 1}, "most": 9, "epochs": 2, "min_points": 1}


def settings(option: str, *overrides: str) -> dict:
    cfg, _ = compose("train", (f"algorithm={option}", *overrides))
    return OmegaConf.to_container(cfg.runner, resolve=True)


def numbers_in(value, keys=()) -> list[tuple]:
    """The path of every number."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path for key, item in items for path in numbers_in(item, (*keys, key))]
    return found + ([keys] if isinstance(value, int | float) and not isinstance(value, bool) else [])


def change(group, path: tuple, value) -> None:
    for key in path[:-1]:
        group = group[key]
    group[path[-1]] = value


@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_shipped_is_sound(option):
    check(settings(option))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("wrong", [-1, float("nan"), "many", None])
def test_no_number_of_a_network_can_be_made_nonsense(algorithm, wrong):
    tiny = settings(f"{algorithm}/tiny")["model"]
    # A range and a size are looked at by the network, when it is built.
    for path in (path for path in numbers_in(tiny) if path[0] not in ("point_cloud_range", "voxel_size")):
        network = copy.deepcopy(tiny)
        change(network, path, wrong)
        with pytest.raises(UsageError, match=next(key for key in reversed(path) if isinstance(key, str))):
            check_network(network)


def test_every_rule_is_of_a_number_that_is_shipped():
    tiny = [OmegaConf.to_container(OmegaConf.load(file)) for file in FILES if file.stem == "tiny"]
    groups = [{"balance": {"threshold": 0.1}, "paste": PASTE, "max_sweeps": 1}, *tiny]
    paths = [list(map(str, path)) for group in groups for path in numbers_in(group)]
    keys = {".".join(path[i:j]) for path in paths for i in range(len(path)) for j in range(i + 1, len(path) + 1)}
    assert RULES.keys() <= keys


@pytest.mark.parametrize(
    ("algorithm", "override", "says"),
    [
        ("CenterPoint", "backbone.channels=[0,48,64]", "algorithm.network.backbone.channels[0] is 0; give a whole"),
        ("CenterPoint", "backbone.strides=[2,2]", "backbone has 3 channels, 3 layers, 2 strides; give one of each"),
        ("CenterPoint", "neck.channels=[]", "neck has 0 channels, 3 strides"),
        ("CenterPoint", "neck.strides=[0,2,4]", "algorithm.network.neck.strides[0] is 0; give a number above 0"),
        ("CenterPoint", "head.max_boxes=1.5", "head.max_boxes is 1.5; give a whole number of at least 1"),
        ("CenterPoint", "encoder=null", "algorithm.network.encoder is None; give a group"),
        ("TransFusion", "head.min_overlap=0.0", "head.min_overlap is 0.0; give a number between 0 and 1"),
        ("BEVFusion", "max_points=0", "network.max_points is 0"),
        ("BEVFusion", "encoder.strides=[[2,2]]", "encoder.strides: give z, y and x between each stage and the next"),
        ("BEVFusion", "encoder.strides=[2,2,2]", "encoder.strides: give z, y and x"),
        ("BEVFusion", "encoder.layers=[]", "encoder has 2 channels, 0 layers"),
    ],
)
def test_the_refusal_names_the_key(algorithm, override, says):
    with pytest.raises(UsageError, match=re.escape(says)):
        check(settings(f"{algorithm}/tiny", f"algorithm.network.{override}"))


def test_a_neck_of_other_levels_than_the_backbones_is_refused():
    fewer = ("algorithm.network.neck.channels=[8,8]", "algorithm.network.neck.strides=[1,2]")
    with pytest.raises(UsageError, match="neck has no level for each stage of the backbone"):
        check(settings("CenterPoint/tiny", *fewer))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("augment.flip_x=5.0", "algorithm.augment.flip_x is 5.0; give a number from 0 to 1"),
        ("augment.scale=1.0", "augment.scale is 1.0; give a number from 0 to less than 1"),
        ("augment.rotation=-0.1", "augment.rotation is -0.1; give a number of at least 0"),
        ("paste={per_frame: 3, epochs: 1, most: 9, min_points: 1}", "algorithm.paste.per_frame is 3; give counts"),
        ("paste={per_frame: {car: 1}, epochs: 1, most: 1.5, min_points: 1}", "algorithm.paste.most is 1.5"),
    ],
)
def test_a_choice_of_training_that_makes_no_sense_is_refused(override, says):
    with pytest.raises(UsageError, match=re.escape(says)):
        check(settings("CenterPoint/tiny", f"algorithm.{override}"))


@pytest.mark.parametrize(
    ("algorithm", "override", "says"),
    [
        ("CenterPoint", "voxel_size=[0.5,0.5]", r"voxel_size is \[0.5, 0.5\]; give three lengths"),
        ("CenterPoint", "voxel_size=[0.5,0,8.0]", "give three lengths above 0"),
        ("CenterPoint", "voxel_size=[0.3,0.5,8.0]", "holds 106.667 voxels of 0.3 m along x; choose a range of whole"),
        ("BEVFusion", "voxel_size=[0.5,0.5,3.0]", "holds 2.66667 voxels of 3.0 m along z"),
        ("CenterPoint", "point_cloud_range=[-16,-16,-3,16,16]", "give x, y, z min, then x, y, z max"),
        ("CenterPoint", "point_cloud_range=[16,16,5,-16,-16,-3]", "give x, y, z min, then x, y, z max"),
        ("TransFusion", "head.heads=5", "head.heads is 5, which does not divide head.channels, 48"),
        ("TransFusion", "~head.loss_weights.vel", "head.loss_weights has heatmap, .*; give one for each of heatmap"),
        ("CenterPoint", "~head.loss_weights.reg", "head.loss_weights has"),
        ("TransFusion", "+head.costs.colour=1.0", "head.costs has classification, centre, overlap, colour"),
    ],
)
def test_what_fits_no_network_is_refused_when_it_is_built(algorithm, override, says):
    mark, name = (override[0], override[1:]) if override[0] in "~+" else ("", override)
    with pytest.raises(UsageError, match=says):
        MODELS.build(settings(f"{algorithm}/tiny", f"{mark}algorithm.network.{name}")["model"])


@pytest.mark.parametrize(
    "override",
    [
        "algorithm.optimizer.type=banana",
        "algorithm.optimizer.lr=-1.0",
        "algorithm.network.encoder.out_channels=null",
        "algorithm.network.voxel_size=[many,0.5,8.0]",
    ],
)
def test_what_cannot_be_built_is_the_users_to_mend_and_leaves_nothing(tmp_path, override):
    (tmp_path / "data").mkdir()
    data = make_data(tmp_path / "data")
    with pytest.raises(T4zooError):
        run(data, tmp_path / "made" / "train", override)
    assert not list((tmp_path / "made").glob("*"))
