"""A training of a foreign model ends as one of ours: the same bytes every time, stopped or not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import Runner

from t4zoo.errors import T4zooError, UsageError
from t4zoo.far_scenes.inventory import encode, write_inventory
from t4zoo.far_scenes.pointer import Pointer, write_pointer
from t4zoo.info import Info, save
from t4zoo.models.common import checkpoint
from t4zoo.models.foreign.configuration import Source
from t4zoo.models.foreign.training import train
from tests.models.street import CLASSES, make_frames

ELSEWHERE = Path(__file__).parent / "elsewhere"
CONFIG = ELSEWHERE / "configs" / "parrot" / "tiny.py"
SHORT = {"train_cfg.max_epochs": 3, "param_scheduler.0.total_steps": 3}


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A workspace in which the configuration finds its data."""
    monkeypatch.syspath_prepend(str(ELSEWHERE))
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data" / "t4dataset"
    data.mkdir(parents=True)
    save(tmp_path / "info" / "base" / "info_test.pkl", Info(CLASSES, "base", make_frames(data, 4)))
    (tmp_path / "scratch.yaml").write_text("checkpoint: null\n")
    return tmp_path


def no_fetch(reference):
    raise AssertionError(f"{reference} should be found on this machine")


def trained(out: str, *, parent="scratch.yaml", resume="never", seed=0, **overrides) -> Path:
    source = Source(str(CONFIG), overrides={**SHORT, **overrides})
    meta = {"algorithm": "Parrot", "name": "tiny"}
    return train(source, meta, Path(out), str(parent), no_fetch, resume, "none", seed)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(path).state_dict


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(root):
    paths = [trained(out, seed=seed) for out, seed in (("one", 0), ("two", 0), ("three", 1))]
    for name in ("epoch_3.pth", "config.py", "loss.csv", "loss.png", "scalars.json"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes(), name
    assert paths[2].read_bytes() != paths[0].read_bytes()


def test_a_seed_of_the_configuration_itself_is_kept(root):
    one, two = (trained(out, seed=seed, **{"randomness.seed": 7}) for out, seed in (("one", 0), ("two", 1)))
    assert one.read_bytes() == two.read_bytes()


def test_the_weights_are_those_that_mmengines_own_runner_saves_averages_and_all(root):
    config = Config.fromfile(CONFIG)
    config.merge_from_dict(SHORT)
    config.update(work_dir="work", experiment_name="plain", randomness={"seed": 0})
    Runner.from_cfg(config).train()
    theirs = torch.load("work/epoch_3.pth", weights_only=False)
    ours = weights(trained("ours"))
    assert ours.keys() == theirs["state_dict"].keys()
    assert all(torch.equal(value, theirs["state_dict"][name]) for name, value in ours.items())
    assert not torch.equal(ours["head.fc.weight"], theirs["ema_state_dict"]["module.head.fc.weight"])  # the latest ones


def test_clouds_in_a_bucket_are_refused_before_a_training_starts(root):
    data = root / "data" / "t4dataset"
    write_pointer(data / "far", Pointer("s3://bucket/scenes"))
    write_inventory(data / "far", {"a/0": encode({"data/cloud.bin": (20, "tag")})})
    assert trained("near").is_file()  # its data are on this disk
    frames = [dataclasses.replace(frame, lidar_path="far/a/0/data/cloud.bin") for frame in make_frames(data, 1)]
    save(root / "info" / "base" / "info_test.pkl", Info(CLASSES, "base", frames))
    with pytest.raises(UsageError, match="is in a bucket, and a model that is not ours reads clouds by itself"):
        trained("far")
    assert not Path("far").exists()


def test_an_override_that_adds_a_key_is_told(root):
    path = trained("out", **{"model.head.cells": 4, "model.loud": 2.0})
    assert weights(path)["head.fc.weight"].shape == (35, 16)
    assert (
        "foreign.overrides adds model.loud, of which the configuration says nothing"
        in Path("out", "train_log.log").read_text()
    )
    assert "loud=2.0" in Path("out", "config.py").read_text()


def test_a_parent_gives_what_fits_and_the_log_names_the_rest(root):
    still = {"optim_wrapper.optimizer.lr": 0.0, "param_scheduler": []}
    parent = weights(trained("parent"))
    child = weights(trained("child", parent="parent", **still, **{"model.head.cells": 4}))
    torch.testing.assert_close(child["head.fc.bias"], parent["head.fc.bias"])
    assert child["head.fc.weight"].shape == (35, 16)
    assert "started from parent; not taken over: head.fc.weight\n" in Path("child", "train_log.log").read_text()


def test_weights_of_the_parent_are_where_the_child_begins(root):
    trained("parent")
    still = {"optim_wrapper.optimizer.lr": 0.0, "param_scheduler": []}
    parent, child = weights(Path("parent", "epoch_3.pth")), weights(trained("child", parent="parent", seed=5, **still))
    for name, value in parent.items():
        torch.testing.assert_close(child[name], value)


def test_a_training_that_counts_iterations_is_one_epoch(root):
    loop = {"_delete_": True, "by_epoch": False, "max_iters": 5}
    path = trained("out", train_cfg=loop, param_scheduler=[], **{"log_processor.by_epoch": False})
    assert path.name == "epoch_1.pth"


def test_a_stopped_training_goes_on_and_ends_with_the_same_bytes(root, monkeypatch):
    longer = {"train_cfg.max_epochs": 12, "param_scheduler.0.total_steps": 12}
    trained("unbroken", **longer)
    parrot, steps = MODELS.get("parrot.Parrot"), []
    step = parrot.train_step

    def stopped(self, data, optim_wrapper):
        steps.append(1)
        if len(steps) == 15:
            raise KeyboardInterrupt
        return step(self, data, optim_wrapper)

    with monkeypatch.context() as patch:
        patch.setattr(parrot, "train_step", stopped)
        with pytest.raises(KeyboardInterrupt):
            trained("stopped", resume="auto", **longer)
    trained("stopped", resume="auto", **longer)
    assert "goes on after epoch 7" in Path("stopped", "train_log.log").read_text()
    for name in ("epoch_12.pth", "config.py", "loss.csv", "scalars.json"):
        assert Path("stopped", name).read_bytes() == Path("unbroken", name).read_bytes(), name


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"train_dataloader.dataset.ann_file": "none.pkl"}, r"none\.pkl"),
        ({"train_dataloader": None}, "has no train_dataloader"),
        ({"model.head.type": "Macaw"}, "Macaw is not in the parrot::model registry"),
        ({"train_dataloader.dataset.pipeline.0.type": "Nothing"}, "Nothing is not in the"),
    ],
)
def test_what_cannot_be_trained_is_told_and_leaves_nothing(root, overrides, said):
    with pytest.raises((T4zooError, OSError), match=said):
        trained("never", **overrides)
    assert not Path("never").exists()


def test_a_parent_of_another_model_is_refused(root):
    checkpoint.save(root / "other.pth", {"stem.weight": torch.ones(3)}, {})
    with pytest.raises(checkpoint.CheckpointError, match="not one of its weights fits"):
        trained("never", parent=root / "other.pth")
