"""The processes that train or predict together: how many they are, what each one's share is, and where they wait."""

from __future__ import annotations

import multiprocessing
import os
import shlex
import signal
import subprocess
import sys
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
DAY = timedelta(days=1)  # of prediction: one process may be done long before another
STARTER = "T4ZOO_START"  # such as `torchrun --standalone --nproc-per-node 8`
PORTS = 20000, 10000  # the first and how many: where the processes of a Slurm job meet, by the job's number

T = TypeVar("T")


class ProcessError(T4zooError):
    """Another process of the same run has ended."""


STOPPED = "stopped, because another process did; see what it said"


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
            raise ProcessError(STOPPED) from error


@contextmanager
def joined(launcher: str, stage: str, backend: str = "gloo", patience: timedelta = DAY) -> Iterator[Processes]:
    """The processes that `launcher` (none, pytorch or slurm, as mmengine means them) started, until the body ends.

    Each then computes on a GPU of its own, where there are any. stage: what they run, for messages. backend: by which
    GPUs speak to each other; without GPUs it is gloo. patience: how long one waits for a word of the others.
    Where T4ZOO_START is set, this process becomes that command, which starts the stage anew.
    Raises UsageError when they were started otherwise, and ProcessError for the body's failure to reach another one.
    """
    _start_again(stage)
    _check(launcher, stage)
    if launcher == "none":
        yield Processes()
        return
    from torch import distributed

    try:
        _join(launcher, backend, patience)
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    except RuntimeError as error:
        if _is_of_another(error):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # which is on its way: it ends this process as it is
            raise ProcessError(STOPPED) from error
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _start_again(stage: str) -> None:
    """Become the command of T4ZOO_START, which runs the stage: DVC's own commands are those of one process."""
    text = os.environ.pop(STARTER, "")
    if text.strip():
        try:
            command = shlex.split(text)
            os.execvp(command[0], [*command, "-m", f"stages.{stage}", *sys.argv[1:]])  # noqa: S606
        except ValueError as error:
            raise UsageError(f"{STARTER} is {text!r}, which is no command: {error}") from error
        except OSError as error:
            raise UsageError(f"{STARTER} begins with {command[0]}, which cannot be run: {error.strerror}") from error


def _check(launcher: str, stage: str) -> None:
    if launcher == "ray":
        raise UsageError(f"launcher=ray is for create_info; for {stage} choose launcher=local, gpu, gpus or slurm")
    if launcher not in ("none", *WANTED):
        raise UsageError(f"launcher.launcher is {launcher!r}; choose from none, {', '.join(WANTED)}")
    if launcher == "none":
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise UsageError(
                "several processes were started, and the launcher knows of one; choose launcher=gpus, or cpus"
            )
    elif WANTED[launcher] not in os.environ:
        start = START[launcher]
        raise UsageError(
            f"launcher.launcher is {launcher!r}, which did not start this; run `{start} -m stages.{stage}`"
        )


def _join(launcher: str, backend: str, patience: timedelta) -> None:
    import torch
    from mmengine.dist import init_dist

    if launcher == "slurm":
        _place_in_job()
    if not torch.cuda.is_available():
        torch.distributed.init_process_group("gloo", timeout=patience)  # mmengine would ask for GPUs
        return
    here, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if here >= there:
        raise UsageError(f"this is process {here + 1} of a machine that shows it {there} GPUs; start one on each GPU")
    if multiprocessing.get_start_method(allow_none=True) is None:
        multiprocessing.set_start_method("fork")  # mmengine would take spawn: seconds, for each loader's processes
    init_dist(launcher, backend=backend, timeout=patience.total_seconds())


def _place_in_job() -> None:
    """Say in torchrun's words which process of a Slurm job this is, and where the first one waits for the others."""
    job = os.environ
    for name, said in (("RANK", "SLURM_PROCID"), ("LOCAL_RANK", "SLURM_LOCALID"), ("WORLD_SIZE", "SLURM_NTASKS")):
        if said not in job:
            raise UsageError(
                f"{said} is not set, so `srun` did not start this; run it as `{START['slurm']} -m stages...`"
            )
        job[name] = job[said]
    first, many = PORTS
    job.setdefault("MASTER_PORT", str(first + int(job.get("SLURM_JOB_ID", "0")) % many))
    if "MASTER_ADDR" not in job:
        job["MASTER_ADDR"] = _first_machine(job.get("SLURM_STEP_NODELIST") or job.get("SLURM_NODELIST", ""))


def _first_machine(machines: str) -> str:
    """Of a list as Slurm writes it, `gpu[03-06]`."""
    try:
        command = ["scontrol", "show", "hostnames", machines]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
        return told.stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        raise UsageError(
            f"`scontrol show hostnames {machines}` does not tell the job's machines; set MASTER_ADDR to the first one"
        ) from error


def _is_of_another(error: RuntimeError) -> bool:
    """Whether it tells of a word that never came; gloo's own failures have no class of their own."""
    from torch import distributed

    return isinstance(error, distributed.DistError) or "gloo" in str(error) or "Connection closed by peer" in str(error)
