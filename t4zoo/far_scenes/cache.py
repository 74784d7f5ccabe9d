"""Files of far scenes that were read before, in a folder that many processes share and that stays below a bound."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from t4zoo.errors import UsageError
from t4zoo.whole import whole

ENVIRONMENT = "T4ZOO_SCENES_GIB"  # the bound; 0 keeps nothing
USUAL = 50.0  # [GiB]
GIB = 2**30
LEFT = 0.9  # of the bound, when what was used least recently has gone
RECENT = 60.0  # [s]: so fresh a note of its last use is not renewed

_OWN = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{64}\.\w+")  # a file, or one that is being written
_COUNT = "bytes"  # the file that says how much there is
_log = logging.getLogger("t4zoo")


@dataclass(frozen=True)
class FileCache:
    """most: bytes that all files together have at most. A file's place is the digest of what tells it from all others.

    Where it cannot be written, everything is fetched again, and one line says so.
    """

    folder: Path
    most: int

    def find(self, key: str, size: int) -> bytes | None:
        """The content if it is here whole; it has been used, then."""
        path = self._place(key)
        try:
            content = path.read_bytes()
            if time.time() - path.stat().st_mtime > RECENT:
                os.utime(path)
        except OSError:
            return None
        return content if len(content) == size else None

    def has(self, key: str, size: int) -> bool:
        """Whether it is here whole."""
        try:
            return self._place(key).stat().st_size == size
        except OSError:
            return False

    def keep(self, key: str, content: bytes) -> None:
        """Put it here, in the place of what was used least recently where there is no room."""
        if len(content) > self.most * LEFT:
            return
        try:
            with self._counted() as count:
                if not self.has(key, len(content)):
                    self._make_room(count, len(content))
                    with whole(self._place(key)) as temporary:
                        temporary.write_bytes(content)
        except OSError as error:
            _tell_once(self.folder, error.errno or 0)

    def _place(self, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / "files" / digest[:2] / digest

    def _make_room(self, count: int, size: int) -> None:
        """Count a file in before it is written, so that whoever is killed in between leaves too high a count."""
        told = os.pread(count, 32, 0)
        there = int(told) if told.isdigit() else self._clear(self.most)
        if there + size > self.most:
            there = self._clear(int(self.most * LEFT) - size)
        os.pwrite(count, b"%020d" % (there + size), 0)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[int]:
        """The count's file, for this thread alone; held while a file is written, never while one is fetched."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / _COUNT, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def _clear(self, wanted: int) -> int:
        """Remove what was used least recently until at most `wanted` bytes are left; how many are."""
        found = []
        for path in (self.folder / "files").glob("??/*"):
            if not _OWN.fullmatch(path.name):
                continue
            with contextlib.suppress(OSError):
                if path.name.startswith("."):  # of a process that was killed
                    path.unlink()
                else:
                    status = path.stat()
                    found.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= wanted:
                break
            path.unlink(missing_ok=True)
            total -= size
        return total


def scene_cache(folder: Path) -> FileCache:
    """The cache in this folder with the bound that the environment sets. Raises UsageError for what is no size."""
    text = os.environ.get(ENVIRONMENT, "")
    try:
        gib = float(text or USUAL)
    except ValueError:
        gib = -1.0
    if not 0 <= gib < 1e9:
        raise UsageError(f"{ENVIRONMENT}={text!r}: write GiB that may be kept of far scenes, as in {ENVIRONMENT}=200")
    return FileCache(folder, int(gib * GIB))


_told = set[str]()


def _tell_once(folder: Path, number: int) -> None:
    if str(folder) not in _told:
        _told.add(str(folder))
        reason = "the disk is full" if number in (errno.ENOSPC, errno.EDQUOT) else os.strerror(number)
        _log.warning("%s: nothing more of far scenes is kept there (%s); all goes on, and slower", folder, reason)
