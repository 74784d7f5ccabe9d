"""`python -m module` in a process of its own that need not import torch or DVC first: as real, and seconds sooner."""

from __future__ import annotations

import atexit
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

# Read when Python or a library starts: a process that is to have others of them is started, not forked.
AT_START = ("PYTHON", "LD_", "LC_", "LANG", "OMP_", "MKL_", "MPL")


ENVIRONMENT = dict(os.environ)  # before any test changes it


def run(
    module: str, *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What `python -m module arguments` did in the folder `cwd`. environment: the test's own where it is None.

    The processes of one test process share a hash seed; a test of that sets PYTHONHASHSEED, or starts its own.
    """
    variables = dict(os.environ if environment is None else environment)
    command = [sys.executable, "-m", module, *arguments]
    if at_start(variables) != at_start(ENVIRONMENT):
        return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    order = {"module": module, "arguments": arguments, "cwd": os.fspath(Path(cwd).absolute()), "environment": variables}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = send(json.dumps(order).encode(), out.fileno(), err.fileno())
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def send(order: bytes, out: int, err: int) -> int:
    """The exit code of the process that was forked for an order, negative for a signal, as subprocess tells it."""
    reads, writes = os.pipe()
    try:
        socket.send_fds(forks(), [order], [out, err, writes])
    finally:
        os.close(writes)
    with os.fdopen(reads, "rb") as end:
        return int(end.read())


def at_start(variables: Mapping[str, str]) -> dict[str, str]:
    """PYTHONPATH is no part: it is searched for what a command imports itself."""
    return {name: value for name, value in variables.items() if name.startswith(AT_START) and name != "PYTHONPATH"}


@functools.cache
def forks() -> socket.socket:
    """Where orders go: one server a test process, begun by the first command."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    variables = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(Path(__file__).with_name("server.py")), str(theirs.fileno())]
    server = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    theirs.close()
    atexit.register(server.wait)
    atexit.register(ours.close)
    return ours
