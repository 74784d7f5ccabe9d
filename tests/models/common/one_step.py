"""One step of every algorithm on one batch: `torchrun ... -m tests.models.common.one_step DATA OUT`, or one process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import MODELS
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from t4zoo.augment.frames import TrainingFrames
from t4zoo.dataset import Sample, collate
from t4zoo.models.common.processes import Processes, joined
from tests.models.common.trainings import ALGORITHMS
from tests.pipeline import compose

# What is in a batch of four: all frames, or every other one without a point and an object.
BATCHES = {"full": (0, 1, 2, 3), "half empty": (0, None, 2, None), "empty": (None,) * 4}


def steps(data: Path, processes: Processes) -> dict[tuple[str, str], dict[str, Any]]:
    """(algorithm, batch) -> gradients, statistics of batch norms, and losses as a log has them, in double precision.

    In single precision an activation close to zero falls on the other side when sums are added in another order.
    """
    torch.set_num_threads(1)
    return {(name, batch): _step(data, processes, name, batch) for name in ALGORITHMS for batch in BATCHES}


def _step(data: Path, processes: Processes, algorithm: str, batch: str) -> dict[str, Any]:
    choices = (f"algorithm={algorithm}/tiny", f"info={data}/info_train.pkl", f"data_root={data}")
    settings = OmegaConf.to_container(compose("train", choices)[0].runner, resolve=True)
    arguments = dict(settings["train_dataloader"]["dataset"])
    arguments.pop("type")
    frames = TrainingFrames(**arguments)
    torch.manual_seed(0)
    model = MODELS.build(settings["model"]).double().train()
    wrapped = DistributedDataParallel(model, broadcast_buffers=False) if processes.count > 1 else model
    given = collate([_item(frames, number) for number in processes.share(BATCHES[batch])])
    loss, told = model.parse_losses(wrapped(**given, mode="loss"))
    loss.backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters()}
    buffers = dict(model.named_buffers())
    return {
        "gradients": gradients,
        "buffers": buffers,
        "losses": {name: value.detach() for name, value in told.items()},
    }


def _item(frames: TrainingFrames, number: int | None) -> tuple[Tensor, Sample]:
    cloud, sample = frames[number or 0, 0]
    kept = 0 if number is None else len(cloud)
    return cloud[:kept].double(), Sample(*(part[:kept].double() for part in sample[:2]), sample.labels[:kept])


def main(data: Path, out: Path) -> None:
    """Into the file `out`, written by the first process."""
    with joined("pytorch", "train") as processes:
        found = steps(data, processes)
        if processes.is_main:
            torch.save(found, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
