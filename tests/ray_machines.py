"""A Ray cluster of several machines, each an address of this one's loopback, started as people start them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

START_WITHIN = 60.0  # [s]
WORKING = "ray::do"  # what Ray calls a process while it works for us; one that waits is ray::IDLE
COMMON = ("--block", "--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--log-style=record")


class Machines:
    """`count` machines of one core each; the first one leads. Only who knows the token may speak with them."""

    def __init__(self, count: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # names of sockets are at most 107 letters
        self.address, client = (f"127.0.0.2:{_free_port('127.0.0.2')}" for _ in range(2))
        self.client = f"ray://{client}"
        self.variables = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ADDRESS": self.address,
            "OMP_NUM_THREADS": "1",
        }
        self.machines: list[subprocess.Popen[bytes]] = []
        head = ("--head", f"--port={self.address.rpartition(':')[2]}", f"--temp-dir={self.folder}")
        port = f"--ray-client-server-port={client.rpartition(':')[2]}"
        self._start(2, *head, port, "--include-dashboard=false")
        until(lambda: _listens(self.address), "the first machine listens")
        for number in range(1, count):
            self._start(number + 2, f"--address={self.address}")
        until(lambda: _listens(client), "it listens for those outside too")

    def _start(self, number: int, *options: str) -> None:
        command = [str(Path(sys.executable).with_name("ray")), "start", f"--node-ip-address=127.0.0.{number}"]
        variables = {name: value for name, value in self.variables.items() if name != "RAY_ADDRESS"}
        with (self.folder / f"machine-{number}.log").open("wb") as log:
            machine = subprocess.Popen([*command, *options, *COMMON], env=variables, stdout=log, stderr=log)
        self.machines.append(machine)

    def working(self, number: int | None = None) -> list[int]:
        """The processes that are at work, of one machine or of all."""
        machines = self.machines if number is None else [self.machines[number]]
        return [pid for machine in machines for pid in _descendants(machine.pid) if _title(pid).startswith(WORKING)]

    def stop_one_at_work(self, number: int | None = None) -> int:
        """A process that is now held in the middle of its work."""
        held: list[int] = []

        def hold() -> bool:
            for pid in self.working(number):
                os.kill(pid, signal.SIGSTOP)
                if _title(pid).startswith(WORKING):
                    held.append(pid)
                    return True
                os.kill(pid, signal.SIGCONT)
            return False

        until(hold, "a process works", 0.002)
        return held[0]

    def kill(self, number: int) -> None:
        """End a whole machine, all at once."""
        machine = self.machines[number]
        for pid in [*_descendants(machine.pid), machine.pid]:
            _kill(pid)
        machine.wait()

    def end(self) -> None:
        for number in range(len(self.machines)):
            self.kill(number)
        shutil.rmtree(self.folder)


def until(reached: Callable[[], bool], what: str, pause: float = 0.1) -> None:
    last = time.monotonic() + START_WITHIN
    while not reached():
        assert time.monotonic() < last, f"in {START_WITHIN} s it never came that {what}"
        time.sleep(pause)


def _free_port(host: str) -> int:
    with socket.socket() as free:
        free.bind((host, 0))
        port: int = free.getsockname()[1]
        return port


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _descendants(pid: int) -> Iterator[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield child
        yield from _descendants(child)


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
