from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS
from omegaconf import OmegaConf

from t4zoo.models.common.inference import predict
from tests.models.street import make_frames
from tests.pipeline import compose


@pytest.fixture(scope="module")
def model():
    """A network that has learnt nothing, and tells whatever it sees."""
    torch.manual_seed(0)
    cfg, _ = compose("train", ("algorithm.network.head.score_threshold=0.0", "algorithm.network.head.max_boxes=50"))
    return MODELS.build(OmegaConf.to_container(cfg.runner.model, resolve=True)).eval()


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def frames(root):
    return make_frames(root, 2)


def test_ids_of_predictions_are_the_same_in_every_run_and_never_twice(model, frames, root):
    first, second = (list(predict(model, frames, root, "m", batch_size=size)) for size in (1, 2))
    ids = [name for _, found in first for name in found.ids]
    assert len(ids) > 20
    assert ids == [name for _, found in second for name in found.ids]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & {name for _, found in predict(model, frames, root, "other") for name in found.ids}


def test_it_is_told_how_far_it_is(model, frames, root):
    told = []
    list(predict(model, frames, root, "m", batch_size=1, progress=lambda *done: told.append(done)))
    assert told == [(1, 2), (2, 2)]
