"""The processes that predict together: how many they are, what each one's share is, and where they wait."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from t4zoo.errors import T4zooError, UsageError

WANTED = {"pytorch": "RANK", "slurm": "SLURM_PROCID"}  # launcher -> the variable that says that it was used
START = {
    "pytorch": "torchrun --standalone --nproc-per-node N",
    "slurm": "srun --ntasks N --gres gpu:N --kill-on-bad-exit python",
}
PATIENCE = timedelta(days=1)  # one process may be done long before another

T = TypeVar("T")


class ProcessError(T4zooError):
    """Another process of the same run has ended."""


@dataclass(frozen=True)
class Processes:
    """This process as one of `count`; rank 0 is the one that gathers."""

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the one that gathers."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of what all see alike."""
        return items[self.rank :: self.count]

    def wait(self) -> None:
        """Until all are here. Raises ProcessError where one never comes."""
        if self.count == 1:
            return
        from torch import distributed

        try:
            distributed.barrier()
        except RuntimeError as error:
            raise ProcessError("stopped, because another process did; see what it said") from error


@contextmanager
def joined(launcher: str) -> Iterator[Processes]:
    """The processes that `launcher` (none, pytorch or slurm, as mmengine means them) started, until the body ends.

    Each then computes on a GPU of its own, where there are any. Raises UsageError when they were started otherwise.
    """
    _check(launcher)
    if launcher == "none":
        yield Processes()
        return
    from torch import distributed

    _join(launcher)
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def _check(launcher: str) -> None:
    if launcher not in ("none", *WANTED):
        raise UsageError(f"launcher.launcher is {launcher!r}; choose from none, {', '.join(WANTED)}")
    if launcher == "none":
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise UsageError("several processes were started, and the launcher knows of one; choose launcher=gpus")
    elif WANTED[launcher] not in os.environ:
        start = START[launcher]
        raise UsageError(
            f"launcher.launcher is {launcher!r}, which did not start this; run `{start} -m stages.predict`"
        )


def _join(launcher: str) -> None:
    import torch
    from mmengine.dist import init_dist

    # What is said between them are a few words on a CPU, so gloo will do; it needs no GPU of its own.
    if torch.cuda.is_available():
        if multiprocessing.get_start_method(allow_none=True) is None:
            multiprocessing.set_start_method("fork")  # mmengine would take spawn: seconds, for each scene's readers
        init_dist(launcher, backend="gloo", timeout=PATIENCE.total_seconds())
    elif launcher == "pytorch":
        torch.distributed.init_process_group("gloo", timeout=PATIENCE)  # mmengine would ask for GPUs
    else:
        raise UsageError("launcher=slurm wants a GPU for each process, and there is none here")
