"""What was found before, by what was judged: a scene that has not changed is not judged again."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from t4zoo.scene_files import fingerprint_of
from t4zoo.t4.cache_bound import note_use
from t4zoo.t4.check.report import Finding, SceneReport
from t4zoo.t4.check.rules import Selection, rule_set
from t4zoo.t4.check.seen import Entries, Seen
from t4zoo.t4.reader import MOST_BYTES
from t4zoo.whole import write_whole


@dataclass(frozen=True)
class Cache:
    """A folder of results, one file a scene. All of it may be deleted at any time."""

    folder: Path

    @cached_property
    def seen(self) -> Seen:
        """The tables of scenes that keys were made of."""
        return Seen(self.folder / "seen.json")

    def find(self, key: str, folder: Path) -> SceneReport | None:
        """The report of an unchanged scene; one that cannot be read is none."""
        try:
            told = json.loads(self._place(key).read_text(encoding="utf-8"))
            findings = tuple(Finding(**finding) for finding in told["findings"])
            report = SceneReport(told["scene"], str(folder), dict(told["counts"]), findings, cached=True)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        note_use(self._place(key))
        return report

    def keep(self, key: str, report: SceneReport) -> None:
        """Keep a report."""
        write_whole(self._place(key), json.dumps(asdict(replace(report, path="", cached=False))))

    def _place(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def key_of(folder: Path, wanted: Selection, files: Path | None = None, seen: Seen | None = None) -> str:
    """What a result is kept by: the rules, the bytes of the tables, and name, size and time of every other file.

    Of a scene that is far, what its inventory says of all of them. seen: spares reading tables that were read before.
    """
    digest = hashlib.sha256(f"{rule_set()} {wanted} {folder.parent.name}/{folder.name}".encode("utf-8", "replace"))
    for far in (folder, files or folder):
        digest.update((fingerprint_of(far) or "").encode())
    tables, entries = folder / "annotation", _entries(folder / "annotation")
    told = _tables(tables, entries) if seen is None else seen.digest(tables, entries, lambda: _tables(tables, entries))
    digest.update(told.encode())
    data = (files or folder) / "data"
    for name, status in _entries(data):
        digest.update(f"\0{name} {_stamp(status)}".encode("utf-8", "replace"))
        for inner, below in _entries(data / name):
            digest.update(f"\0{name}/{inner} {_stamp(below)}".encode("utf-8", "replace"))
    return digest.hexdigest()


def _tables(folder: Path, entries: Entries) -> str:
    """The digest of names and contents."""
    digest = hashlib.sha256()
    for name, status in entries:
        digest.update(f"\0{name} ".encode("utf-8", "replace") + _content(folder / name, status))
    return digest.hexdigest()


def _entries(folder: Path) -> Entries:
    """Names in a folder, and what their links lead to; None where that is nothing."""
    try:
        with os.scandir(folder) as entries:
            return sorted(((entry.name, _status(entry)) for entry in entries), key=lambda pair: pair[0])
    except OSError:
        return []


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None


def _stamp(status: os.stat_result | None) -> str:
    if status is None or stat.S_ISDIR(status.st_mode):
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _content(path: Path, status: os.stat_result | None) -> bytes:
    """The digest of a table; of one that would not be read, what is known without reading it."""
    if status is None or not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
        return _stamp(status).encode()
    try:
        link = os.fsencode(path.readlink()) if path.is_symlink() else b""
        return hashlib.sha256(path.read_bytes()).digest() + link
    except OSError:
        return b"unreadable"
