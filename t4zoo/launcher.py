"""Which engine a launcher of conf/launcher/ stands for, where scenes are spread and no GPU is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from t4zoo.errors import UsageError
from t4zoo.spread import Engine, Processes, processes

# As in conf/launcher/, which a command does not read: it is used where there is no repository too.
NAMED: dict[str, dict[str, Any]] = {
    "local": {"launcher": "none"},
    "slurm": {"launcher": "slurm"},
    "ray": {"launcher": "ray", "cpus": 1, "memory": None, "ahead": 2},
}


def engine_of(launcher: Mapping[str, Any], workers: int | None) -> Engine:
    """The engine. workers: processes, None for what the launcher has.

    launcher: `launcher` is none for this machine, slurm for what a Slurm job has of it, or ray; then with the fields of
    `Ray`. Raises UsageError.
    """
    kind = launcher["launcher"]
    if kind == "none":
        return Processes(processes(workers))
    if kind == "slurm":
        cores = _of_job()
        return Processes(processes(cores if workers is None else workers))
    if kind != "ray":
        raise UsageError(f"launcher.launcher is {kind!r}, which is for GPUs; choose launcher=local, slurm or ray")
    from t4zoo.spread_ray import Ray

    most = None if workers is None else processes(workers)
    numbers = {name: _positive(name, launcher[name]) for name in ("cpus", "ahead")}
    memory = None if launcher["memory"] is None else _positive("memory", launcher["memory"])
    return Ray(str(launcher["address"]), numbers["cpus"], memory, round(numbers["ahead"]), most)


def engine_named(name: str, address: str, workers: int | None) -> Engine:
    """The engine that a command's option names. Raises UsageError."""
    if name not in NAMED:
        raise UsageError(f"--launcher is {name!r}; choose from {', '.join(NAMED)}")
    if address != "auto" and name != "ray":
        raise UsageError("--address is of a Ray cluster; add --launcher ray")
    return engine_of({**NAMED[name], "address": address}, workers)


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise UsageError(f"launcher.{name} is {value!r}; give a number greater than 0")
    return value


def _of_job() -> int:
    """The cores of this machine that the Slurm job gives to this process."""
    if "SLURM_JOB_ID" not in os.environ:
        raise UsageError(
            "launcher=slurm, and this is no Slurm job; start it with sbatch or srun, or take launcher=local"
        )
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        raise UsageError(
            "srun started several of this, which would each do all; give it --ntasks 1, or take launcher=ray for "
            "several machines"
        )
    told = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE") or ""
    here = processes(None)
    return min(here, int(told)) if told.isdecimal() and int(told) > 0 else here
