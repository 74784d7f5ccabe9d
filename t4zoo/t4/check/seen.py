"""Digests of scenes' tables, remembered by what the file system says of them: unchanged tables are not read again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from t4zoo.t4.stamps import RECENT
from t4zoo.whole import write_whole

Entries = Sequence[tuple[str, os.stat_result | None]]  # names in a folder, and what their links lead to


class Seen:
    """A folder of tables -> its stamp and digest, in one file of this machine, which may be deleted at any time."""

    def __init__(self, path: Path) -> None:
        self._path, self._changed = path, False

    @cached_property
    def _rows(self) -> dict[str, Any]:
        try:
            rows = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return rows if isinstance(rows, dict) else {}

    def digest(self, folder: Path, entries: Entries, made: Callable[[], str]) -> str:
        """What `made` gives for the tables in `folder`, or gave before they were last touched."""
        stamp, touched = _stamp(folder, entries)
        row = self._rows.get(str(folder.absolute()))
        if isinstance(row, list) and len(row) == 2 and row[0] == stamp and isinstance(row[1], str):
            return row[1]
        before, digest = time.time_ns(), made()
        if touched < before - RECENT:
            self._rows[str(folder.absolute())] = [stamp, digest]
            self._changed = True
        return digest

    def save(self) -> None:
        """Write what was remembered."""
        if self._changed:
            write_whole(self._path, json.dumps(self._rows))
            self._changed = False


def _stamp(folder: Path, entries: Entries) -> tuple[str, int]:
    """What changes with any table or link in the folder, and when that last was [ns]."""
    try:  # its own times tell that a link was put in the place of a file, whatever it leads to
        found = [("", os.stat(folder)), *entries]  # noqa: PTH116 - beside those that were asked of its entries
    except OSError:
        return "", time.time_ns()
    known = [(name, one) for name, one in found if one is not None]
    told = [(name, one.st_size, one.st_dev, one.st_ino, one.st_mtime_ns, one.st_ctime_ns) for name, one in known]
    return repr((len(found), told)), max(max(one.st_mtime_ns, one.st_ctime_ns) for _, one in known)
