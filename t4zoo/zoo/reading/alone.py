"""One process at a time goes on with a file; the others wait for it, as long as it advances."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

IDLE = 60.0  # seconds without a write, after which a process that has the file is not waited for


@contextmanager
def alone(path: Path) -> Iterator[Path]:
    """Yields `path` when nobody else writes to it, or a file of our own where the one who has it stands still."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    if not _acquire(lock, path):
        with tempfile.TemporaryDirectory(dir=path.parent) as own:
            yield Path(own) / "body"
        return
    try:
        yield path
        # Only after success: who waits for this file then finds the whole one, under whichever lock.
        Path(lock.lock_file).unlink(missing_ok=True)
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path) -> bool:
    while True:
        before = _last_write(path)
        try:
            lock.acquire(timeout=IDLE)
            return True
        except Timeout:
            if _last_write(path) == before:
                return False


def _last_write(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
