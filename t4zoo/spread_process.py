"""One process of this machine that does things for the one which started it, and ends with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from t4zoo.errors import T4zooError


class DiedError(Exception):
    """The process has ended before it gave an answer."""


class Process:
    """A process that waits for things to do.

    A fork takes along the locks that other threads hold, and not the threads that would open them: where there are any,
    the process is started anew, which takes longer.
    """

    def __init__(self, work: Callable[[Any], Any]) -> None:
        fork = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
        self._pipe, theirs = multiprocessing.Pipe()
        start = multiprocessing.get_context("fork").Process if fork else multiprocessing.get_context("spawn").Process
        self._process = start(target=_serve, args=(theirs, work), daemon=True)
        self._process.start()
        theirs.close()  # else its end would never be seen

    def ask(self, thing: Any) -> Any:
        """What the work makes of the thing, or raises. Raises DiedError when the process does not live to tell it."""
        try:
            self._pipe.send(("do", thing))
            answer = self._pipe.recv_bytes()
        except (EOFError, ConnectionError):
            self._pipe.close()
            self._process.join()
            raise DiedError from None
        return opened(answer)

    def end(self) -> None:
        """Let the process end, and wait for it."""
        with contextlib.suppress(OSError):
            self._pipe.send(("end", None))
        self._pipe.close()
        self._process.join()


def answer_to(work: Callable[[Any], Any], thing: Any) -> bytes:
    """What `opened` gives or raises elsewhere: what the work makes of the thing, or its error."""
    try:
        return pickle.dumps((work(thing), None))
    except Exception as error:
        return pickle.dumps((None, _portable(error)))


def opened(answer: bytes) -> Any:
    """The result in an answer of a process that we started, or raises the error in it."""
    result, error = pickle.loads(answer)  # noqa: S301  (of our own process)
    if error is not None:
        raise error
    return result


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note; one that no other process can read, as one that says the same."""
    trace = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  (of this very process)
    except Exception:
        error = T4zooError(str(error)) if isinstance(error, T4zooError) else RuntimeError(repr(error))
    error.add_note(trace)
    return error


def _serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while (told := pipe.recv())[0] == "do":
        pipe.send_bytes(answer_to(work, told[1]))


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
