"""Keeps a folder of cached files below a bound: what was used least recently leaves."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from t4zoo.errors import UsageError

GIB = 2**30
DAY = 86_400.0  # [s]: so fresh a note of its last use is not renewed, and so old a file that was begun is given up
LEFT = 0.9  # of the bound, once it was passed: so that not every run has to remove something

# A key's first two digits and the key: of a piece, or of a result, or of one that is being written.
_OWN = re.compile(r"(?P<head>[0-9a-f]{2})/((?P=head)[0-9a-f]{62}(\.json)?|\.(?P=head)[0-9a-f]{62}(\.json)?\.\w+)")


def note_use(path: Path) -> None:
    """Note that a cached file was used now. What goes away meanwhile, or is another's, is left alone."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > DAY:
            os.utime(path)


def bound_of(gib: float) -> int:
    """The bytes that are kept. Raises UsageError for what is no bound."""
    if not 0 <= gib < 1e9:
        raise UsageError(f"cache_gib is {gib}; give the GiB that are kept, from 0 on")
    return int(gib * GIB)


def keep_within(folder: Path | None, gib: float) -> int:
    """Remove the pieces and results that were used least recently, while there is more than `gib`; how many files.

    Nothing else in the folder is counted or touched, whatever folder was given: a repository's, or a home. Another run
    may read, write or remove there at the same time: who misses a file makes what it held anew. Raises as `bound_of`.
    """
    most = bound_of(gib)
    found = sorted(_files(folder)) if folder is not None else []
    total, removed = sum(size for _, size, _ in found), 0
    if total <= most:
        return 0
    for _, size, path in found:
        if total <= most * LEFT:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            removed += 1
        total -= size
    return removed


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Time of last use, size and place of each; removes what runs that were killed left half written."""
    for path in (*folder.glob("??/*"), *folder.glob("check/??/*")):
        with contextlib.suppress(OSError):
            status = path.lstat()
            own = _OWN.fullmatch(f"{path.parent.name}/{path.name}")
            if own is None or not stat.S_ISREG(status.st_mode):
                continue
            if not path.name.startswith("."):
                yield status.st_mtime, status.st_size, path
            elif time.time() - status.st_mtime > DAY:
                path.unlink()
