"""A publisher killed at each of its requests, before the server hears of it and before the publisher hears the answer.

A process of its own, since it forks: the publishers, each a copy of one that is ready to begin, and the proxy that
kills them. It reads the place from its input and prints a cell a line.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

from t4zoo.zoo.reading.catalogue import find
from tests.zoo.faults.look import NOTHING, WHOLE, Cell, wrong_in_zoo
from tests.zoo.faults.steps import Step, is_step
from tests.zoo.faults.tiny import Place, plan, release
from tests.zoo.proxy import Fault, Proxy, Request

MOMENTS = {False: "killed, request lost", True: "killed, answer lost"}

Arm = Callable[[Step, bool, int], None]  # (request, whether the server answers first, process to kill)


def killed(place: Place, steps: Iterable[Step]) -> list[Cell]:
    """Publishers killed at each of these steps."""
    order = json.dumps({"place": {**asdict(place), "cache": str(place.cache)}, "steps": list(steps)})
    command = [sys.executable, "-m", "tests.zoo.faults.killing"]
    top = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=top, input=order, stdout=subprocess.PIPE, text=True, check=True)
    cells = [json.loads(line) for line in done.stdout.splitlines()]
    return [Cell(cell["fault"], Step(*cell["step"]), cell["outcome"]) for cell in cells]


def main(order: str) -> None:
    """Kill at every step and moment."""
    options = json.loads(order)
    place = Place(**{**options["place"], "cache": Path(options["place"]["cache"])})
    with _killer(place.endpoint) as (endpoint, arm):
        through, direct = place.folders(endpoint), place.folders()
        reader = place.reader()
        for late, moment in MOMENTS.items():
            for number, step in enumerate(itertools.starmap(Step, options["steps"])):
                new = plan(f"CenterPoint/t4base@v{2 + late}.0.{number}")
                code = _run(lambda new=new: release(new, place.cache, *through), step, late, arm)  # type: ignore[misc]
                visible = WHOLE if find(reader, new.folder, new.name) else NOTHING
                wrong = "" if code == -signal.SIGKILL else f"was not killed: {code}"
                wrong = wrong or wrong_in_zoo(new, reader, finished=False)
                release(new, place.cache, *direct)
                cell = Cell(moment, step, wrong or wrong_in_zoo(new, reader, finished=True) or visible)
                print(json.dumps(asdict(cell)), flush=True)


def _run(act: Callable[[], None], step: Step, late: bool, arm: Arm) -> int:
    """Fork, and act there once the killer knows whom to kill; how the fork ended."""
    ready, go = os.pipe()
    child = os.fork()
    if not child:
        os.read(ready, 1)
        act()
        os._exit(0)
    arm(step, late, child)
    os.write(go, b"!")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(ready)
    os.close(go)
    return code


@contextmanager
def _killer(target: str) -> Iterator[tuple[str, Arm]]:
    """A proxy in a process of its own: its endpoint, and how to tell it whom to kill."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(target, there), daemon=True)
    process.start()

    def arm(step: Step, late: bool, pid: int) -> None:
        here.send((step, late, pid))
        here.recv()

    try:
        yield here.recv(), arm
    finally:
        here.send(None)
        process.join()


def _serve(target: str, orders: Connection) -> None:
    with Proxy(target) as proxy:
        orders.send(proxy.endpoint)
        while order := orders.recv():
            _arm(proxy, *order)
            orders.send(True)


def _arm(proxy: Proxy, step: Step, late: bool, pid: int) -> None:
    chosen = is_step(step)

    def kill(request: Request) -> Fault | None:
        if not chosen(request):
            return None
        os.kill(pid, signal.SIGKILL)
        return Fault.RESET_BEFORE

    proxy.let_pass()
    if late:
        proxy.after = kill
    else:
        proxy.before = kill


if __name__ == "__main__":
    main(sys.stdin.read())
