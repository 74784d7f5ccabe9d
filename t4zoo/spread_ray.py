"""Work spread over the machines of a Ray cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from t4zoo.errors import UsageError
from t4zoo.spread import KilledError, SpreadError, Workers
from t4zoo.spread_node import ROOT, SHARE, code_here
from t4zoo.spread_process import opened

T = TypeVar("T")
R = TypeVar("R")

ANSWER_WITHIN = 10.0  # [s], of a cluster's first machine
TRIES = 3  # to have a cluster serve a machine that is none of its own
LOST = 5  # times that machines may go away with the same thing, which is then told: they did not go by chance
LOOK = 10.0  # [s], after which it is asked again whether a machine is left that something fits on
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@dataclass(frozen=True)
class Ray:
    """The engine of a cluster, to which it connects when there is work.

    address: `auto` for the cluster that this machine is one of, HOST:PORT or ray://HOST:PORT. cpus: cores that a thing
    takes. memory [GB]: that a thing takes, None for what there is. ahead: things begun ahead for each that can be under
    way. most: things under way at a time, None for as many as the cluster takes.
    """

    address: str
    cpus: float
    memory: float | None
    ahead: int
    most: int | None = None

    def start(self, work: Callable[[T], R]) -> Workers[T, R]:
        """See Engine."""
        return _Cluster(self, work)


class _Cluster(Generic[T, R]):
    def __init__(self, engine: Ray, work: Callable[[T], R]) -> None:
        self._engine, self._work = engine, work
        self._ray: Any = None
        self._begun: dict[Any, None] = {}
        self.ahead = 0

    def begin(self, thing: T, reads: Sequence[Path]) -> Callable[[], R]:
        if self._ray is None:
            self._connect()
        told = pickle.dumps(thing)
        first = self._submit(told, reads, self._engine.cpus)
        return lambda: self._result(first, told, reads)

    def _connect(self) -> None:
        self._ray = _connected(self._engine.address)
        slots = int(self._ray.cluster_resources().get("CPU", 0) / self._engine.cpus)
        if self._largest() < self._engine.cpus:
            raise UsageError(
                f"no machine of the Ray cluster has {self._engine.cpus} cores; set launcher.cpus, or start one"
            )
        most = self._engine.most
        self.ahead = max(1, self._engine.ahead * slots) if most is None else most - 1
        self._task = self._ray.remote(max_retries=0)(_task())
        paths = [str(ROOT), *(path for path in map(_absolute, sys.path) if not path.startswith(sys.base_prefix))]
        self._told = [self._ray.put(part) for part in (paths, code_here(), pickle.dumps(self._work))]

    def _submit(self, thing: bytes, reads: Sequence[Path], cpus: float) -> Any:
        memory = None if self._engine.memory is None else int(self._engine.memory * 1e9)
        task = self._task.options(num_cpus=cpus, memory=memory, scheduling_strategy="SPREAD")
        reference = task.remote(str(Path.cwd()), str(ROOT), *self._told, thing, reads)
        self._begun[reference] = None
        return reference

    def _largest(self) -> float:
        """How many cores the largest machine has."""
        return max((node["Resources"].get("CPU", 0.0) for node in self._ray.nodes() if node["Alive"]), default=0.0)

    def _result(self, reference: Any, thing: bytes, reads: Sequence[Path]) -> R:
        errors, cpus = self._ray.exceptions, self._engine.cpus
        killed, lost = 0, 0
        while True:
            try:
                result: R = _opened(self._answer(reference, cpus))
                return result
            except errors.RayTaskError as error:
                raise SpreadError(f"a machine of the Ray cluster cannot work: {error}") from None
            except (errors.WorkerCrashedError, errors.OutOfMemoryError):
                killed += 1
            except (errors.RayError, _UnfitError) as error:  # the machine went away, or its result with it
                lost += 1
                last = error
            if killed > 1:
                raise KilledError(
                    "its process was ended from outside, and again when it was tried alone on a machine, perhaps for "
                    "want of memory; run again with more of it (launcher.memory), what is done is kept"
                )
            if lost > LOST:
                raise SpreadError(f"{lost} times a machine of the Ray cluster went away: {last}")
            # most often it was memory, so no other work beside it on its machine
            cpus = max(self._largest(), self._engine.cpus) if killed else self._engine.cpus
            reference = self._submit(thing, reads, cpus)

    def _answer(self, reference: Any, cpus: float) -> Any:
        told = False
        try:
            while not self._ray.wait([reference], timeout=LOOK)[0]:
                if self._largest() >= cpus:
                    continue
                if cpus > self._engine.cpus:
                    self._ray.cancel(reference)
                    raise _UnfitError("none is left that is as large")
                if not told:
                    print(
                        f"waiting: the Ray cluster has no machine with {cpus} cores left", file=sys.stderr, flush=True
                    )
                told = True
            return self._ray.get(reference)
        finally:
            self._begun.pop(reference, None)

    def end(self) -> None:
        for reference in self._begun:
            with contextlib.suppress(Exception):  # what cannot be stopped ends with this process
                self._ray.cancel(reference)
        self._begun.clear()


class _UnfitError(Exception):
    pass


def _opened(answer: Any) -> Any:
    if isinstance(answer, str):
        raise UsageError(answer)
    return opened(answer)


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _task() -> Callable[..., bytes | str]:
    """What is done on another machine; a function in a function, which is sent as it is and not looked for there."""
    share = SHARE

    def do(
        home: str, root: str, paths: list[str], code: Any, work: bytes, thing: bytes, reads: Sequence[Path]
    ) -> bytes | str:
        import os
        import socket
        import sys

        try:
            os.chdir(home)
            sys.path[:0] = [path for path in paths if path not in sys.path]
            from t4zoo.spread_node import do as on_node
        except (OSError, ImportError) as error:
            return f"{socket.gethostname()} does not see {home} or the code in {root} ({error}); {share}"
        return on_node(root, code, work, thing, reads)

    return do


def _connected(address: str) -> Any:
    """The package ray, connected to the cluster. Raises UsageError."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise UsageError("launcher=ray wants the package ray; install it: `pip install -e '.[ray]'`") from None
    if ray.is_initialized():
        return ray
    _tell_on_stderr()
    place = os.environ.get("RAY_ADDRESS") or address if address == "auto" else address
    start = "docs/cluster.md has how one is started"
    try:
        if place != "auto":
            _knock(place)
        _join(ray, place)
    except (Exception, SystemExit) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        reason = " ".join(dict.fromkeys((lines[0], lines[-1])))  # between them stands a cluster's traceback
        raise UsageError(f"no Ray cluster can be used at {place}: {reason}; {start}") from None
    return ray


def _join(ray: Any, place: str) -> None:
    for left in reversed(range(TRIES)):
        try:
            with _own_signals():
                ray.init(address=place, log_to_driver=False, configure_logging=False, logging_level=logging.ERROR)
            return
        except ConnectionAbortedError:  # the process that a cluster starts for who is outside was not there in time
            if not left:
                raise


def _tell_on_stderr() -> None:
    """Ray tells on stdout that a process was killed, in the middle of what a command writes there."""
    from ray._private import worker

    tell = getattr(worker, "print_to_stdstream", None)
    if tell is not None:
        worker.print_to_stdstream = lambda data, ignore_prefix: tell({**data, "is_err": True}, ignore_prefix)


def _knock(address: str) -> None:
    """Raise OSError where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("give auto, HOST:PORT or ray://HOST:PORT")
    socket.create_connection((host.strip("[]"), int(port)), ANSWER_WITHIN).close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself, which here is as Ctrl-C."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # not in the main thread, where Ray takes none
            signal.signal(signal.SIGTERM, before)
