"""A scene's tables as they stand in their files, read within bounds, and which of their values can be relied on."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from t4zoo.t4.check.kinds import UNUSABLE, Verdict
from t4zoo.t4.check.schema import OPTIONAL_TABLES, SCHEMA
from t4zoo.t4.reader import LIDAR_CHANNELS, MOST_BYTES, MOST_VALUES, place_of

Row = dict[str, Any]

MOST_DOUBTS = 20_000  # values of one table that are not what they should be, after which it is none of T4's


@dataclass(frozen=True)
class Unread:
    """Why a table could not be taken in. kind: missing, unreadable, large, no list, broken."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Doubt:
    """A value that cannot be used. verdict: None where the field is missing."""

    row: Row
    number: int
    field: str
    verdict: Verdict | None


@dataclass
class Habit:
    """What a writer does in all rows alike, and what can be used all the same: the first row, and how many there are.

    verdict: None where the field is missing, and nobody needs it.
    """

    row: Row
    number: int
    field: str
    verdict: Verdict | None
    rows: int = 0


@dataclass(eq=False)
class RawScene:
    """name: `{T4 id}/{revision}` or `{T4 id}`. folder: holds `annotation/`. files: what file names are relative to.

    tables: those that could be read, whatever they hold. unread: those that could not.
    doubts, habits: of every table, those of `unread` too.
    """

    name: str
    folder: Path
    files: Path
    tables: dict[str, list[Any]] = field(default_factory=dict)
    unread: dict[str, Unread] = field(default_factory=dict)
    doubts: dict[str, list[Doubt]] = field(default_factory=dict)
    habits: dict[str, list[Habit]] = field(default_factory=dict)

    def rows(self, table: str) -> list[Row]:
        """The rows of a table that are objects."""
        return self._rows[table]

    @cached_property
    def _rows(self) -> dict[str, list[Row]]:
        names = (*SCHEMA, *OPTIONAL_TABLES)
        return {name: [row for row in self.tables.get(name, ()) if isinstance(row, dict)] for name in names}

    @cached_property
    def _unusable(self) -> dict[str, dict[int, set[str]]]:
        found: dict[str, dict[int, set[str]]] = {}
        for table, doubts in self.doubts.items():
            rows = found.setdefault(table, {})
            for doubt in doubts:
                rows.setdefault(id(doubt.row), set()).add(doubt.field)
        return found

    def sound(self, table: str, *fields: str) -> Iterator[Row]:
        """The rows whose token and these fields are there and of the right kind; optional fields may be absent."""
        unusable = self._unusable.get(table)
        for row in self.rows(table):
            if not unusable or unusable.get(id(row), set()).isdisjoint(("token", *fields)):
                yield row

    def by_token(self, table: str, *fields: str) -> dict[str, Row]:
        """Token -> row, the first of those that share one; only rows with these fields in order."""
        found: dict[str, Row] = {}
        for row in self.sound(table, *fields):
            found.setdefault(row["token"], row)
        return found

    @cached_property
    def tokens(self) -> dict[str, frozenset[str]]:
        """Table -> its tokens, of those tables that could be read."""
        names = [name for name in (*SCHEMA, *OPTIONAL_TABLES) if name in self.tables]
        return {
            name: frozenset(t for row in self.rows(name) if isinstance(t := row.get("token"), str)) for name in names
        }

    @cached_property
    def sensors(self) -> dict[str, Row]:
        """Calibrated sensor's token -> its sensor's row, where both are in order."""
        sensors = self.by_token("sensor", "channel", "modality")
        mounts = self.by_token("calibrated_sensor", "sensor_token")
        return {token: sensors[row["sensor_token"]] for token, row in mounts.items() if row["sensor_token"] in sensors}

    @cached_property
    def lidar_channel(self) -> str | None:
        """The channel of the scene's cloud, None when it has none."""
        channels = {row["channel"] for row in self.sound("sensor", "channel", "modality") if row["modality"] == "lidar"}
        return next((channel for channel in LIDAR_CHANNELS if channel in channels), None)

    def path(self, filename: str) -> Path | None:
        """A file that a table names; None when the name leads out of the scene, or can be no file's."""
        name = PurePosixPath(filename)
        if not filename or name.is_absolute() or ".." in name.parts or "\\" in filename or "\0" in filename:
            return None
        try:
            os.fsencode(filename)
        except UnicodeEncodeError:  # half a character, which JSON can hold and a file system cannot
            return None
        return self.files / name


def _judge(table: str, rows: list[Row]) -> tuple[list[Doubt], list[Habit]]:
    """What is not as the schema has it; stops where there is too much of it."""
    doubts: list[Doubt] = []
    habits: dict[tuple[str, Verdict | None], Habit] = {}
    fields = [(one.name, one.kind, one.need) for one in SCHEMA[table]]
    for number, row in enumerate(rows):
        for name, kind, need in fields:
            if name not in row:
                if need == "needed":
                    doubts.append(Doubt(row, number, name, None))
                elif need == "asked":
                    habits.setdefault((name, None), Habit(row, number, name, None)).rows += 1
                continue
            value = row[name]
            verdict = None if value is None and need == "optional" else kind(value)
            if verdict in UNUSABLE:
                doubts.append(Doubt(row, number, name, verdict))
            elif verdict is not None:
                habits.setdefault((name, verdict), Habit(row, number, name, verdict)).rows += 1
        if len(doubts) > MOST_DOUBTS:
            break
    return doubts, list(habits.values())


def read_raw(folder: Path, files: Path | None = None) -> RawScene:
    """Read the tables below `folder`, which need not be there. Raises nothing that a file could cause."""
    scene = RawScene(place_of(folder), folder, files or folder)
    for table in (*SCHEMA, *OPTIONAL_TABLES):
        path = folder / "annotation" / f"{table}.json"
        found = _read_table(path)
        if isinstance(found, list):
            scene.tables[table] = found
            if table in SCHEMA:
                rows = [row for row in found if isinstance(row, dict)]
                scene.doubts[table], scene.habits[table] = _judge(table, rows)
                if len(scene.doubts[table]) > MOST_DOUBTS:
                    del scene.tables[table]
                    scene.unread[table] = Unread("broken", f"{MOST_DOUBTS:,} values are wrong or missing, or more")
        elif found.kind != "missing" or table in SCHEMA:
            scene.unread[table] = found
    return scene


def _read_table(path: Path) -> list[Any] | Unread:
    try:
        content = _read_bounded(path)
        if isinstance(content, Unread):
            return content
        values = sum(content.count(mark) for mark in (b",", b"[", b"{"))
        if values > MOST_VALUES:
            return Unread("large", f"{values:,} values, and {MOST_VALUES:,} are the most")
        rows = json.loads(content.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        told = "nested too deeply" if isinstance(error, RecursionError) else str(error) or type(error).__name__
        return Unread("unreadable", told[:200])
    return rows if isinstance(rows, list) else Unread("no list", f"it is {type(rows).__name__}")


def _read_bounded(path: Path) -> bytes | Unread:
    """The bytes of a regular file: a pipe or a device could go on for ever."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return Unread("missing", "a link that leads nowhere" if path.is_symlink() else "there is no such file")
    if not stat.S_ISREG(status.st_mode):
        return Unread("unreadable", "not a file")
    if status.st_size > MOST_BYTES:
        return Unread("large", f"{status.st_size:,} bytes, and {MOST_BYTES:,} are the most")
    return path.read_bytes()
