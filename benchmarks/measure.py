"""Run commands and tell their cost: time by the clock, processor time, and what passes between them and S3."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.zoo.proxy import Proxy

ENOUGH = 8.0  # seconds of one run, after which a command is not run again: its figure is far from the others


class BenchmarkError(Exception):
    """A command that failed, or brought other bytes."""


@dataclass(frozen=True)
class Contender:
    """One way to do a job. prepare: makes things ready for a run, untimed; check: looks at what the run did.

    command: of the run's number, counted from 0. left: folders that are removed after each run.
    """

    name: str
    command: Callable[[int], list[str]]
    cwd: Path
    prepare: Callable[[int], object] = lambda run: None
    check: Callable[[int], object] = lambda run: None
    variables: dict[str, str] = field(default_factory=dict)
    left: tuple[Path, ...] = ()


@dataclass
class Cost:
    """seconds, cpu [s]: by the clock and of the processor, of each run. requests, sent, received [bytes]: counted."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    requests: int | None = None
    sent: int | None = None
    received: int | None = None

    @property
    def typical(self) -> float:
        """The median of all runs."""
        return median(self.seconds)


def race(
    contenders: list[Contender], runs: int, endpoint: str, until: float, tell: Callable[[str], object]
) -> dict[str, Cost]:
    """All contenders by turns, so that a busy moment of the machine hits each; then each once through the proxy.

    until: by time.monotonic(), after which each is run once and no more.
    """
    costs = {contender.name: Cost() for contender in contenders}
    for number in range(runs):
        # The first run in the order given, since some take what others made; then nobody always follows the same.
        for contender in random.Random(number).sample(contenders, len(contenders)) if number else contenders:
            cost = costs[contender.name]
            if not cost.seconds or (max(cost.seconds) < ENOUGH and time.monotonic() < until):
                tell(f"{contender.name}, run {number + 1}")
                _run(contender, number, endpoint, cost)
    with Proxy(endpoint) as proxy:
        for contender in contenders:
            tell(f"{contender.name}, counted")
            proxy.let_pass()
            _run(contender, runs, proxy.endpoint, Cost())
            cost, passed = costs[contender.name], proxy.requests
            cost.requests = len(passed)
            cost.sent, cost.received = (sum(getattr(one, way) for one in passed) for way in ("sent", "received"))
    return costs


def _run(contender: Contender, number: int, endpoint: str, cost: Cost) -> None:
    contender.prepare(number)
    variables = {**os.environ, **contender.variables, "AWS_ENDPOINT_URL": endpoint, "S3_ENDPOINT_URL": endpoint}
    log = contender.cwd / "command.log"
    with log.open("wb") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            contender.command(number), cwd=contender.cwd, env=variables, stdout=out, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        cost.seconds.append(time.perf_counter() - start)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchmarkError(
            f"{contender.name} failed ({process.returncode}): {log.read_text(errors='replace')[-800:]}"
        )
    cost.cpu.append(usage.ru_utime + usage.ru_stime)
    contender.check(number)
    for folder in contender.left:
        shutil.rmtree(folder)  # or the next to run would have to find memory for its files where this one had none


def empty(folder: Path) -> None:
    """Remove what a run left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
