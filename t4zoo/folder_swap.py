"""A folder of results that takes the place of the one before it at one stroke, whenever the writer is killed."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from t4zoo.errors import T4zooError

PATIENCE = 5.0  # [s]: as long as the processes of a writer that was killed may take to notice it
_EXCHANGE, _HERE = 2, -100  # RENAME_EXCHANGE and AT_FDCWD of Linux


class SwapError(T4zooError):
    """A folder that another run is writing."""


@contextmanager
def swapped_in(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that takes its place at the end, with what else lay there; gone if the body fails.

    What a killed run left is cleared away. On Linux the change is one operation of the file system, so that `out` is
    always all of the old or all of the new; where it has no such operation (NFS), file after file is renamed. Raises
    SwapError where another run is at it.
    """
    out = out.resolve()
    new = out.with_name(f".{out.name}.unfinished")
    with _locked(new):
        try:
            yield new
            _link_others(out, new)
            _take_place(new, out)
        finally:
            shutil.rmtree(new, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """An empty folder that is this run's own until the body ends, or the process does."""
    until = time.monotonic() + PATIENCE
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.stat().st_ino == os.fstat(handle).st_ino:  # else another run has just put it in its place
                break
        except OSError:
            if time.monotonic() > until:
                os.close(handle)
                raise SwapError(f"{folder}: another run is writing here; wait for it, or end it") from None
            time.sleep(0.05)
        os.close(handle)
    try:
        for left in folder.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        yield
    finally:
        os.close(handle)


def _link_others(out: Path, new: Path) -> None:
    """What `out` holds beside results, as DVC's .gitignore, is in the new folder too."""
    for path in sorted(out.iterdir()) if out.is_dir() else []:
        if not (new / path.name).exists() and path.is_file() and not path.is_symlink():
            (new / path.name).hardlink_to(path)


def _take_place(new: Path, out: Path) -> None:
    if not out.exists():
        new.rename(out)
    elif {path.name for path in out.iterdir()} - {path.name for path in new.iterdir()} or not _exchange(new, out):
        for file in sorted(new.iterdir()):
            file.replace(out / file.name)


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places; whether it was done."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS, errno.EXDEV, errno.ENOTSUP):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))
