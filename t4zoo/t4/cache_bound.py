"""Keeps a folder of cached files below a bound: what was used least recently leaves."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from t4zoo.errors import UsageError

GIB = 2**30
DAY = 86_400.0  # [s]: so fresh a note of its last use is not renewed, and so old a file that was begun is given up
LEFT = 0.9  # of the bound, once it was passed: so that not every run has to remove something


def note_use(path: Path) -> None:
    """Note that a cached file was used now. What goes away meanwhile, or is another's, is left alone."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > DAY:
            os.utime(path)


def keep_within(folder: Path | None, gib: float) -> int:
    """Remove from `{folder}/**/??/*` what was used least recently, while there is more than `gib`; how many files.

    Another run may read, write or remove there at the same time: who misses a file makes what it held anew.
    Raises UsageError for what is no bound.
    """
    if not 0 <= gib < 1e9:
        raise UsageError(f"cache_gib is {gib}; give the GiB that are kept, from 0 on")
    found = sorted(_files(folder)) if folder is not None else []
    total, most, removed = sum(size for _, size, _ in found), int(gib * GIB), 0
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
    for path in (*folder.glob("??/*"), *folder.glob("*/??/*")):
        with contextlib.suppress(OSError):
            status = path.stat()
            if not path.name.startswith("."):
                yield status.st_mtime, status.st_size, path
            elif time.time() - status.st_mtime > DAY:
                path.unlink()
