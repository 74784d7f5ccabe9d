"""A checkpoint that mmengine's own Runner wrote gives its weights, and nothing that it names is run."""

from __future__ import annotations

import os

import mmengine.utils
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import TensorDataset

from t4zoo.models.common import checkpoint, inert
from t4zoo.models.common.checkpoint import CheckpointError


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 1)

    def forward(self, *points, mode="tensor"):
        return {"loss": self.fc(torch.stack(points[0])).square().mean()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The last checkpoint of a training with all that mmengine puts in: buffers, schedulers, averages."""
    folder = tmp_path_factory.mktemp("work")
    data = TensorDataset(torch.arange(8.0).reshape(4, 2))
    Runner(
        Line(),
        str(folder),
        train_dataloader={"batch_size": 2, "num_workers": 0, "dataset": data, "sampler": {"type": "DefaultSampler"}},
        train_cfg={"by_epoch": True, "max_epochs": 2},
        optim_wrapper={"optimizer": {"type": "AdamW", "lr": 0.1}},
        param_scheduler=[{"type": "OneCycleLR", "eta_max": 0.1, "total_steps": 4}],
        custom_hooks=[{"type": "EMAHook"}],
        default_hooks={"logger": {"type": "LoggerHook", "interval": 1}},
        log_level="ERROR",
        experiment_name="line",
    ).train()
    return folder / "epoch_2.pth"


def test_torchs_own_reader_of_weights_refuses_such_a_file(written):
    with pytest.raises(Exception, match="Unsupported"):
        torch.load(written, weights_only=True)


def test_its_weights_are_those_that_a_trusting_reader_gets(written):
    trusted = torch.load(written, weights_only=False)
    assert isinstance(trusted["message_hub"]["log_scalars"]["train/loss"], HistoryBuffer)
    loaded = checkpoint.load(written)
    assert loaded.state_dict.keys() == trusted["state_dict"].keys() == {"fc.weight", "fc.bias"}
    assert all(torch.equal(loaded.state_dict[name], value) for name, value in trusted["state_dict"].items())
    assert loaded.meta["epoch"] == 2 and loaded.meta["mmengine_version"] == trusted["meta"]["mmengine_version"]


def test_what_is_inert_is_left_out_of_it(written):
    found = inert.read(written)
    assert found["message_hub"]["log_scalars"] == {}
    assert found["message_hub"]["runtime_info"]["epoch"] == 1
    assert found["optimizer"]["param_groups"][0]["lr"] > 0


class Call:
    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


def test_a_function_of_a_known_package_is_not_run(tmp_path):
    trap = tmp_path / "was here"
    torch.save(
        {"state_dict": {"w": torch.ones(1)}, "trap": Call(mmengine.utils.mkdir_or_exist, str(trap))}, tmp_path / "a.pth"
    )
    assert checkpoint.load(tmp_path / "a.pth").state_dict == {"w": torch.ones(1)}
    assert not trap.exists()
    torch.load(tmp_path / "a.pth", weights_only=False)  # what it would have done
    assert trap.exists()


def test_a_function_that_no_maker_of_checkpoints_names_is_told_and_not_run(tmp_path):
    trap = tmp_path / "was here"
    torch.save({"state_dict": {"w": torch.ones(1)}, "trap": Call(os.mkdir, str(trap))}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth: names posix\.mkdir, which a program would run"):
        checkpoint.load(tmp_path / "a.pth")
    assert not trap.exists()


def test_weights_without_anything_around_them_are_a_checkpoint(tmp_path):
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / "bare.pth")
    assert checkpoint.load(tmp_path / "bare.pth").state_dict.keys() == {"weight", "bias"}


def test_nothing_stays_allowed_after_a_file_was_read(written):
    before = set(torch.serialization.get_safe_globals())
    checkpoint.load(written)
    assert set(torch.serialization.get_safe_globals()) == before
