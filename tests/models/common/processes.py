"""One of some processes that train together on CPUs: `python -m tests.models.common.processes RANK COUNT DATA OUT`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import torch

from tests.models.common.trainings import run

CHOICES = ("algorithm.ema={momentum: 0.1}", "algorithm.balance={threshold: 0.9}", "launcher.launcher=pytorch")


def main(rank: int, count: int, data: Path, out: Path) -> None:
    """An unbroken training, then one that is stopped and goes on."""
    # Before mmengine, which would ask for GPUs.
    torch.distributed.init_process_group("gloo", init_method=f"file://{out}/meet", rank=rank, world_size=count)
    wrapper = {"type": "mmengine.model.MMDistributedDataParallel", "device_ids": None, "find_unused_parameters": True}
    run(data, out / "unbroken" / "train", *CHOICES, model_wrapper_cfg=wrapper)
    with contextlib.suppress(KeyboardInterrupt):
        run(data, out / "train", *CHOICES, stop=3, model_wrapper_cfg=wrapper)
    run(data, out / "train", *CHOICES, model_wrapper_cfg=wrapper)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
