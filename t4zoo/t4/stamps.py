"""Tells from the file system, or a source's inventory, that a scene's tables have not changed since they were read."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from t4zoo.scene_files import stamps_of
from t4zoo.t4.tables import RECORDS
from t4zoo.whole import write_whole

RECENT = 2_000_000_000  # [ns]: within this time of a change, a file may change again and keep its time


@dataclass(frozen=True)
class Known:
    """digest: of a scene's tables. infos: info file of a cloud -> its digest, relative to the files' folder."""

    digest: str
    infos: Mapping[str, str]


@dataclass
class Stamps:
    """A scene's folder -> its stamp: size, inode and times of change of each table and info file, and their digests.

    Kept in one file of this machine. Without it everything is read once more, and nothing else is lost.
    """

    path: Path | None
    _rows: dict[str, Any] = field(default_factory=dict)
    _changed: bool = False

    def __post_init__(self) -> None:
        if self.path is not None:
            try:
                rows = json.loads(self.path.read_bytes())
                self._rows = rows if isinstance(rows, dict) else {}
            except (OSError, ValueError, RecursionError):
                self._rows = {}

    def known(self, folder: Path, files: Path) -> Known | None:
        """What the scene's tables were when they were last read, if none of them was touched since then."""
        row = self._rows.get(str(folder.absolute()))
        try:
            if row is None or _stamp(folder, files, row["infos"]) != row["stamp"]:
                return None
            return Known(str(row["digest"]), dict(row["infos"]))
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def keep(self, folder: Path, files: Path, known: Known, read: int) -> None:
        """Remember the scene's tables. read: when they were about to be read [ns]; what is newer is not believed."""
        try:
            stamp = _stamp(folder, files, known.infos, not_after=read - RECENT)
        except (OSError, ValueError):
            return
        row = {"stamp": stamp, "digest": known.digest, "infos": dict(known.infos)}
        if self._rows.get(str(folder.absolute())) != row:
            self._rows[str(folder.absolute())] = row
            self._changed = True

    def save(self) -> None:
        """Write what was remembered."""
        if self.path is not None and self._changed:
            write_whole(self.path, json.dumps(self._rows))


def now() -> int:
    """The time [ns]."""
    return time.time_ns()


def _stamp(folder: Path, files: Path, infos: Iterable[str], not_after: int | None = None) -> str:
    """Raises OSError where a file is missing, ValueError where one was touched too late."""
    told = [*stamps_of(folder, (f"annotation/{table}.json" for table in RECORDS)), *stamps_of(files, infos)]
    if not_after is not None and any(max(times) > not_after for _, _, *times in told):
        raise ValueError("touched a moment ago")
    return hashlib.sha256(repr(told).encode()).hexdigest()
