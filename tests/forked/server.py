"""Imports what commands import, then forks a process for each command that is sent: `python server.py <socket>`."""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

# Of others only: a command imports our own modules itself, in its own order and with its own environment. None that
# starts threads when it is imported (pyarrow, onnxruntime): a fork would lack them.
IMPORTED = (
    "torch._dynamo",
    "mmengine.runner",
    "mmengine.hooks",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "scipy.optimize",
    "scipy.spatial",
    "onnx",
    "hydra",
    "pydantic",
    "jsonschema",
    "typer",
    "boto3",
    "s3fs",
    "dvc.cli",
    "dvc.repo",
    "dvc.commands.repro",
)


@dataclass(frozen=True)
class Order:
    """One command. cwd: absolute. out, err: the files that it writes its words to."""

    module: str
    arguments: list[str]
    cwd: str
    environment: dict[str, str]
    out: int
    err: int


def take_orders(control: socket.socket) -> Order | None:
    """Fork for each order until the other end closes; an order is returned in the process that was forked for it."""
    running: dict[int, tuple[int, int]] = {}  # a descriptor of the process -> its id, and where its end is told
    while True:
        for ready in select.select([control.fileno(), *running], [], [])[0]:
            if ready in running:
                tell_end(ready, *running.pop(ready))
                continue
            message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 3)
            if not message:
                return None
            out, err, told = descriptors
            if not (process := os.fork()):
                close([told, *running, *(other for _, other in running.values()), control.detach()])
                return Order(**json.loads(message), out=out, err=err)
            running[os.pidfd_open(process)] = (process, told)
            close([out, err])


def tell_end(descriptor: int, process: int, told: int) -> None:
    _, status = os.waitpid(process, 0)
    os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
    close([told, descriptor])


def close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def become(order: Order) -> None:
    """Go on as `python -m module arguments` would in the folder `cwd`; how it ends is raised."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(order.out, sys.stdout.fileno())
    os.dup2(order.err, sys.stderr.fileno())
    close([order.out, order.err])
    os.chdir(order.cwd)
    os.environ.clear()
    os.environ.update(order.environment)
    tempfile.tempdir = None  # it is the first TMPDIR that was asked for, for ever
    np.random.seed()  # a new process has a state of its own; `random` sees to that itself
    sys.argv = [order.module, *order.arguments]
    searched = order.environment.get("PYTHONPATH", "")
    sys.path[0:1] = [order.cwd, *searched.split(os.pathsep)] if searched else [order.cwd]
    runpy.run_module(order.module, run_name="__main__", alter_sys=True)


def end(error: BaseException | None) -> NoReturn:
    """As the interpreter ends, but for taking all modules apart, which would copy the memory that is shared.

    `os._exit` leaves all of it out, and what does the rest has no public name: both private calls are what the
    interpreter's own end makes, in that order; test_forked.py fails where a Python has them no more.
    """
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    elif error is not None:
        code = 1
        sys.excepthook(type(error), error, error.__traceback__)
    threading._shutdown()  # waits for threads
    atexit._run_exitfuncs()  # what was registered to be done at the end
    sys.stdout.flush()
    sys.stderr.flush()
    if isinstance(error, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for those who sent the orders
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is never looked at again stays shared with the processes
    if (received := take_orders(socket.socket(fileno=int(sys.argv[1])))) is not None:
        try:
            become(received)
        except BaseException as ended:
            end(ended)
        end(None)
