"""Work on many things in other processes, with the results in the order of the things."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from t4zoo.errors import T4zooError, UsageError
from t4zoo.spread_process import DiedError, Process

T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

AHEAD = 2  # things a process that are begun before the first of them is asked for: what bounds the memory


class SpreadError(T4zooError):
    """Work that cannot be done where it was to be done: processes are killed, or machines go away, each time."""


class KilledError(SpreadError):
    """A process that was ended from outside, and the one that tried the same again, alone."""


class Workers(Protocol[T_contra, R_co]):
    """What does one kind of work. ahead: how many things are to be begun before the first of them is asked for."""

    ahead: int

    def begin(self, thing: T_contra, reads: Sequence[Path]) -> Callable[[], R_co]:
        """What gives the result, and waits for it. It raises what the work raises, and KilledError."""

    def end(self) -> None:
        """Let go of what was not asked for."""


class Engine(Protocol):
    """Where work is done: in processes of this machine, or on others."""

    def start(self, work: Callable[[T], R]) -> Workers[T, R]:
        """Workers, which cost nothing before the first thing is begun."""


def processes(wanted: int | None) -> int:
    """How many processes to use: as many as are wanted, or one a core that this process may use.

    Raises UsageError for what is no number of processes.
    """
    if wanted is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise UsageError(f"workers is {wanted!r}; give a whole number from 1 on, or null for one a core")
    return wanted


def spread(
    work: Callable[[T], R],
    things: Iterable[T],
    engine: Engine | int,
    at_hand: Callable[[T], R | None] = lambda thing: None,
    killed: Callable[[T, KilledError], R] | None = None,
    reads: Callable[[T], Sequence[Path]] = lambda thing: (),
) -> Iterator[R]:
    """`work` of each thing, in their order; a few are begun ahead.

    work: can be pickled, as what it is given and gives; what it raises is raised here. engine: a number is processes
    of this machine, of which one is this process itself. at_hand: is asked first, in this process; None sends the thing
    to another. A process that is killed costs its thing only, which is tried again alone; `killed` gives the result of
    one that does not survive that either, else KilledError is raised. reads: what must be there, wherever the work is
    done. When this process is killed, those that it started end by themselves.
    """
    workers = (Processes(engine) if isinstance(engine, int) else engine).start(work)
    begun = deque[tuple[T, Callable[[], R]]]()

    def first() -> R:
        thing, result = begun.popleft()
        try:
            return result()
        except KilledError as error:
            if killed is None:
                raise
            return killed(thing, error)

    try:
        for thing in things:
            found = at_hand(thing)
            begun.append((thing, workers.begin(thing, reads(thing)) if found is None else _given(found)))
            if len(begun) > workers.ahead:
                yield first()
        while begun:
            yield first()
    finally:
        workers.end()


def _given(result: R) -> Callable[[], R]:
    return lambda: result


@dataclass(frozen=True)
class Processes:
    """The engine of one machine. One process is this one itself, which does a thing when it is asked for."""

    count: int

    def start(self, work: Callable[[T], R]) -> Workers[T, R]:
        """See Engine."""
        return _Here(work) if self.count == 1 else _Pool(work, self.count)


class _Here(Generic[T, R]):
    ahead = 0

    def __init__(self, work: Callable[[T], R]) -> None:
        self._work = work

    def begin(self, thing: T, reads: Sequence[Path]) -> Callable[[], R]:
        return lambda: self._work(thing)

    def end(self) -> None:
        pass


class _Pool(Generic[T, R]):
    """Processes that are started when there is work, each fed by a thread that sees it die."""

    def __init__(self, work: Callable[[T], R], count: int) -> None:
        self._work, self._count, self.ahead = work, count, AHEAD * count
        self._idle: SimpleQueue[Process] = SimpleQueue()
        self._turns = _Turns()
        self._feeders: ThreadPoolExecutor | None = None

    def begin(self, thing: T, reads: Sequence[Path]) -> Callable[[], R]:
        if self._feeders is None:
            for _ in range(self._count):  # before the first thread, see `Process`
                self._idle.put(Process(self._work))
            self._feeders = ThreadPoolExecutor(self._count)
        return self._feeders.submit(self._do, thing).result

    def _do(self, thing: T) -> R:
        try:
            with self._turns.shared():
                return self._ask(thing)
        except DiedError:
            pass
        try:
            with self._turns.alone():  # most often it was memory, which it now has for itself
                return self._ask(thing)
        except DiedError:
            raise KilledError(
                "its process was ended from outside, and again when it was tried alone, perhaps for want of memory; "
                "run again with fewer workers or more memory, what is done is kept"
            ) from None

    def _ask(self, thing: T) -> R:
        process = self._idle.get()
        try:
            answer: R = process.ask(thing)
            return answer
        except DiedError:
            process = Process(self._work)
            raise
        finally:
            self._idle.put(process)

    def end(self) -> None:
        if self._feeders is not None:
            self._feeders.shutdown(cancel_futures=True)
            for _ in range(self._count):
                self._idle.get().end()


class _Turns:
    """Many at a time, or one alone."""

    def __init__(self) -> None:
        self._changed, self._busy, self._waiting = threading.Condition(), 0, 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)
            self._busy += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._busy)
            self._waiting -= 1
            self._busy += 1
            try:
                yield  # with the lock held, so that nobody else begins
            finally:
                self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()
