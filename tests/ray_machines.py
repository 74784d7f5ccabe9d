"""A Ray cluster of several machines, each an address of this one's loopback, started as people start them."""

from __future__ import annotations

import contextlib
import ctypes
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

START_WITHIN = 90.0  # [s], on a busy machine
TRIES = 3
STARTED = "Ray runtime started"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
WORKING = "ray::do"  # what Ray calls a process while it works for us; one that waits is ray::IDLE
COMMON = ("--block", "--object-store-memory=100000000", "--disable-usage-stats", "--log-style=record")


class Machines:
    """Machines of so many cores each; the first one leads. Only who knows the token may speak with them."""

    def __init__(self, *cores: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # names of sockets are at most 107 letters
        self.address, client = (f"127.0.0.2:{_free_port('127.0.0.2')}" for _ in range(2))
        self.client = f"ray://{client}"
        self.variables = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ADDRESS": self.address,
            "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "30",  # what serves those outside is a process that starts late
            "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "90",  # on a busy machine
            "OMP_NUM_THREADS": "1",
        }
        self.machines: list[subprocess.Popen[bytes]] = []
        head = ("--head", f"--port={self.address.rpartition(':')[2]}", f"--temp-dir={self.folder}")
        port = f"--ray-client-server-port={client.rpartition(':')[2]}"
        self._start(cores[0], *head, port, "--include-dashboard=false")
        for count in cores[1:]:
            self.add(count)
        until(lambda: _listens(client), "it listens for those outside too")

    def add(self, cores: int) -> None:
        """Start one more."""
        self._start(cores, f"--address={self.address}")

    def _start(self, cores: int, *options: str) -> None:
        number = len(self.machines) + 2  # 127.0.0.1 would become an address that others can reach
        log = self.folder / f"machine-{number}.log"
        command = [str(Path(sys.executable).with_name("ray")), "start", f"--node-ip-address=127.0.0.{number}"]
        variables = {name: value for name, value in self.variables.items() if name != "RAY_ADDRESS"}
        for _ in range(TRIES):
            with log.open("wb") as said:
                machine = subprocess.Popen(
                    [*command, f"--num-cpus={cores}", *options, *COMMON],
                    env=variables,
                    stdout=said,
                    stderr=said,
                    preexec_fn=_end_with_parent,
                )
            started = _started(machine, log)
            if started:
                self.machines.append(machine)
                return
            _end(machine)
        raise AssertionError(f"machine {number} does not start: {log.read_text()}")

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
        _end(self.machines[number])

    def end(self) -> None:
        for number in range(len(self.machines)):
            self.kill(number)
        until(self._none_is_left, "all processes have ended")
        shutil.rmtree(self.folder)

    def _none_is_left(self) -> bool:
        """Whether nobody has the token; ends those that were started while others were ended."""
        token = self.variables["RAY_AUTH_TOKEN"].encode()
        processes = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
        left = [pid for pid in processes if token in _environment(pid)]
        for pid in left:
            _kill(pid)
        return not left


def _started(machine: subprocess.Popen[bytes], log: Path) -> bool:
    """Whether it runs, once that is known: on a busy machine Ray gives up now and then."""
    last = time.monotonic() + START_WITHIN
    while machine.poll() is None and time.monotonic() < last:
        if STARTED in log.read_text():
            return True
        time.sleep(0.1)
    return False


def _end(machine: subprocess.Popen[bytes]) -> None:
    for pid in [*_descendants(machine.pid), machine.pid]:
        _kill(pid)
    machine.wait()


def _end_with_parent() -> None:
    """So that no machine outlives tests that are killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


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


def _environment(pid: int) -> bytes:
    """With which variables a process was started."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
