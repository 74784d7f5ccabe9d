"""Work on many things in several processes, with the results in the order of the things."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Generic, TypeVar

from t4zoo.errors import T4zooError, UsageError

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 2  # things a process that are begun before the first of them is asked for: what bounds the memory


class SpreadError(T4zooError):
    """A process that was ended from outside."""


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
    work: Callable[[T], R], things: Iterable[T], workers: int, at_hand: Callable[[T], R | None] = lambda thing: None
) -> Iterator[R]:
    """`work` of each thing, in their order; a few are begun ahead. One worker is this process itself.

    work: a function of a module, with results that can be pickled; what it raises is raised here. at_hand: is asked
    first, in this process; None sends the thing to another. Raises SpreadError when a process is killed. When this
    process is killed, those that it started end by themselves.
    """
    pool = _Pool(work, workers)
    begun = deque[Callable[[], R]]()
    try:
        for thing in things:
            found = at_hand(thing)
            begun.append(pool.begin(thing) if found is None else _given(found))
            if len(begun) > AHEAD * workers or workers == 1:
                yield begun.popleft()()
        while begun:
            yield begun.popleft()()
    except BrokenProcessPool:
        raise SpreadError(
            "one of the processes was ended from outside, perhaps for want of memory; run again with fewer workers, "
            "what is done is kept"
        ) from None
    finally:
        pool.end()


def _given(result: R) -> Callable[[], R]:
    return lambda: result


class _Pool(Generic[T, R]):
    """Processes that are started when there is work."""

    def __init__(self, work: Callable[[T], R], workers: int) -> None:
        self._work, self._workers = work, workers
        self._pool: ProcessPoolExecutor | None = None

    def begin(self, thing: T) -> Callable[[], R]:
        """What gives the result, and waits for it."""
        if self._workers == 1:
            return lambda: self._work(thing)
        if self._pool is None:
            way = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
            self._pool = ProcessPoolExecutor(self._workers, multiprocessing.get_context(way), _follow_parent)
        return self._pool.submit(self._work, thing).result

    def end(self) -> None:
        """Let go of what was not asked for."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
