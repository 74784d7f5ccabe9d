"""A large file while it comes, in any order: what is here survives a kill, and the sha256 follows the writing."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 256 * 1024  # bytes read back at once for the sha256

_SPAN = re.compile(r"(\d+) (\d+)")
_ETAG = "etag "


class ChangedError(Exception):
    """The object is no longer the one whose first bytes are here."""


class Partial:
    """The file `path`, of `size` bytes to be; `path.spans` beside it tells what is written, a line a write.

    The note is written after the bytes, so a killed process leaves no byte noted that is not there. A machine that
    loses its power may; the sha256 of the whole finds that out.
    """

    def __init__(self, path: Path, size: int) -> None:
        """Go on with what an earlier process left, if it fits."""
        self.path = path
        self.size = size
        self.stopped = False
        self._notes = path.with_name(f"{path.name}.spans")
        self._grown = threading.Condition()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _open(self) -> None:
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        self.etag, self._spans = self._read_notes(os.fstat(self._file).st_size)
        anew = 0 if self._spans else os.O_TRUNC
        self._log = os.open(self._notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT | anew, 0o600)

    def _read_notes(self, here: int) -> tuple[str, dict[int, int]]:
        try:
            lines = self._notes.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return "", {}
        etag = next((line.removeprefix(_ETAG) for line in lines if line.startswith(_ETAG)), "")
        found = [(int(match[1]), int(match[2])) for match in map(_SPAN.fullmatch, lines) if match]
        if not found or any(not start < end <= min(here, self.size) for start, end in found):
            return "", {}
        return etag, _merge(found)

    @property
    def written(self) -> int:
        """How many bytes are here."""
        return sum(end - start for start, end in self._spans.items())

    def missing(self, part: int) -> list[tuple[int, int]]:
        """Spans that are not here, in order, each of at most `part` bytes."""
        gaps, at = [], 0
        for start, end in sorted(self._spans.items()):
            gaps.append((at, start))
            at = end
        gaps.append((at, self.size))
        return [(first, min(first + part, end)) for start, end in gaps for first in range(start, end, part)]

    def pin(self, etag: str) -> None:
        """Raise ChangedError where an answer is of another object than the answers before."""
        with self._grown:
            if not self.etag and etag:
                self.etag = etag
                os.write(self._log, f"{_ETAG}{etag}\n".encode())
            if etag != self.etag:
                raise ChangedError

    def write(self, start: int, data: bytes) -> None:
        """Put bytes in their place."""
        at, view = start, memoryview(data)
        while view:
            count = os.pwrite(self._file, view, at)
            at, view = at + count, view[count:]
        os.write(self._log, f"{start} {at}\n".encode())
        with self._grown:
            self._spans = _merge([*self._spans.items(), (start, at)])
            self._grown.notify()

    def digest(self) -> str:
        """sha256 of the whole, computed while others write; of less where `stop` was called."""
        found, at = hashlib.sha256(), 0
        while at < self.size:
            with self._grown:
                self._grown.wait_for(lambda: self.stopped or self._spans.get(0, 0) > at)  # noqa: B023
                end = self._spans.get(0, 0)
            if self.stopped:
                break
            while at < end:
                chunk = os.pread(self._file, min(CHUNK, end - at), at)
                found.update(chunk)
                at += len(chunk)
        return found.hexdigest()

    def stop(self) -> None:
        """End all who write or wait; what is here stays."""
        with self._grown:
            self.stopped = True
            self._grown.notify_all()

    def clear(self) -> None:
        """Begin anew with nothing."""
        self._close()
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)
        self.stopped = False
        self._open()

    def become(self, place: Path, mode: int) -> None:
        """Take the name `place`, whole as it must be by now."""
        self.path.chmod(mode)
        place.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(place)
        self._notes.unlink(missing_ok=True)

    def _close(self) -> None:
        os.close(self._file)
        os.close(self._log)


def _merge(spans: list[tuple[int, int]]) -> dict[int, int]:
    """Spans without overlap: first byte -> the one behind the last."""
    merged: dict[int, int] = {}
    last = -1
    for start, end in sorted(spans):
        if last >= 0 and start <= merged[last]:
            merged[last] = max(merged[last], end)
        else:
            last, merged[start] = start, end
    return merged
