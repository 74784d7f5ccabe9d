"""Reads a T4 scene: its tables, checked row by row and reference by reference, and where its files are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from t4zoo.errors import T4zooError
from t4zoo.points import NUM_FEATURES
from t4zoo.scene_files import absence_of, content_of, contents_of, is_scene, revisions_of
from t4zoo.t4.columns import FieldError, Table, table_of
from t4zoo.t4.records import parse
from t4zoo.t4.tables import RECORDS, Sample, SceneTables

LIDAR_CHANNELS = ("LIDAR_CONCAT", "LIDAR_TOP")  # the first that a scene has is its cloud
MOST_BYTES = 64 * 2**20  # of one table: two hours of driving; of all tables twice as many
MOST_VALUES = 3_000_000  # in one table, where a few bytes of JSON can become a hundred of memory; in all twice as many
MOST_NAME = 1_000  # characters of what every frame or box repeats
MOST_SOURCES = 2_000_000  # sensors x samples, as every frame names all lidars
CURE = "fetch the scene again, or take it out of its dataset list"

# Field of a row -> table that the token in it belongs to. `prev` and `next` belong to the row's own table.
REFERENCES = {
    "attribute_tokens": "attribute",
    "calibrated_sensor_token": "calibrated_sensor",
    "category_token": "category",
    "ego_pose_token": "ego_pose",
    "first_annotation_token": "sample_annotation",
    "first_sample_token": "sample",
    "instance_token": "instance",
    "last_annotation_token": "sample_annotation",
    "last_sample_token": "sample",
    "log_token": "log",
    "log_tokens": "log",
    "sample_token": "sample",
    "scene_token": "scene",
    "sensor_token": "sensor",
    "visibility_token": "visibility",
}
# Fields that may be "": the ends of chains, and what no frame is made from.
MAY_BE_EMPTY = {
    "first_annotation_token", "first_sample_token", "last_annotation_token", "last_sample_token", "log_tokens", "next",
    "prev", "scene_token", "visibility_token",
}  # fmt: skip
# What frames repeat: a text in it may be short, however often it is used.
REPEATED = (
    ("attribute", "name"), ("category", "name"), ("log", "location"), ("scene", "name"), ("sensor", "channel"),
    ("sensor", "token"),
)  # fmt: skip


class ReadError(T4zooError):
    """A scene that is missing or broken; the message names the scene, the table, the token and the cure."""


@dataclass(frozen=True, eq=False)
class T4Scene:
    """A scene as it was read. name: `{T4 id}/{revision}`, or `{T4 id}` where there is no revision folder.

    folder: where its files are, which is another scene's for labels of that one. columns: its tables, by name.
    """

    name: str
    folder: Path
    columns: Mapping[str, Table]

    @property
    def place(self) -> str:
        """Where its files are below their dataset's folder: `{T4 id}/{revision}` or `{T4 id}`."""
        return place_of(self.folder)

    @cached_property
    def tables(self) -> SceneTables:
        """The tables as objects, a row each; made when they are asked for."""
        rows = {table: tuple(parse(RECORDS[table], row) for row in self.columns[table].rows) for table in RECORDS}
        return SceneTables(**rows)

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        """The samples in the order of time."""
        return tuple(sorted(self.tables.sample, key=lambda sample: (sample.timestamp, sample.token)))

    @cached_property
    def lidar_channel(self) -> str:
        """The channel of the scene's cloud."""
        sensors = self.columns["sensor"]
        pairs = zip(sensors["channel"], sensors["modality"], strict=True)
        channels = {channel for channel, modality in pairs if modality == "lidar"}
        found = [channel for channel in LIDAR_CHANNELS if channel in channels]
        if not found:
            wanted = " or ".join(LIDAR_CHANNELS)
            raise ReadError(f"scene {self.name}: table sensor has no lidar {wanted}, only {sorted(channels)}; {CURE}")
        return found[0]

    def path(self, filename: str) -> Path:
        """A file that a table names; ReadError when the name leads out of the scene."""
        name = PurePosixPath(filename)
        try:
            os.fsencode(filename)
        except UnicodeEncodeError:  # half a character, which JSON can hold and a file system cannot
            raise ReadError(f"scene {self.name}: the file name {filename!r} can be no file's; {CURE}") from None
        if not filename or name.is_absolute() or ".." in name.parts or "\\" in filename or "\0" in filename:
            raise ReadError(f"scene {self.name}: the file name {filename!r} leads out of the scene; {CURE}")
        return self.folder / name

    def features_of(self, info_filename: str | None) -> int:
        """How many float32 values a point has of the cloud with this info file: five, unless that says otherwise."""
        if not info_filename:
            return NUM_FEATURES
        path = self.path(info_filename)
        try:
            count = json.loads(content_of(path).decode("utf-8"))["num_pts_feats"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ReadError(f"scene {self.name}: {path}: no num_pts_feats can be read ({error!r}); {CURE}") from None
        if type(count) is not int or not 3 <= count <= 64:
            raise ReadError(f"scene {self.name}: {path}: num_pts_feats is {count!r}, not a number from 3 to 64; {CURE}")
        return count


def find_scene(folder: Path, revision: str | None = None) -> Path:
    """The folder that holds `annotation/`: `folder/{revision}`, by default the highest, or `folder` itself.

    Raises ReadError when it is not there.
    """
    with _looking_for(folder):
        return _found(folder, revision)


@contextmanager
def _looking_for(folder: Path) -> Iterator[None]:
    """Folders that may not be entered, or whose name no file system takes, are told by their scene."""
    try:
        yield
    except OSError as error:
        raise ReadError(f"scene {folder.name}: cannot be looked for: {error.strerror} ({folder}); {CURE}") from None


def _found(folder: Path, revision: str | None) -> Path:
    revisions = revisions_of(folder)
    if revision is not None:
        if is_scene(folder / revision):
            return folder / revision
        here = f"the revisions here are {', '.join(revisions)}" if revisions else "it has no revision folders"
        here = absence_of(folder) or here
        raise ReadError(f"scene {folder.name}/{revision}: not found: {here}; {CURE}")
    if revisions:
        return _found(folder, revisions[-1])
    if is_scene(folder):
        return folder
    raise ReadError(f"scene {folder.name}: not found: {folder / 'annotation'} does not exist; {CURE}")


def find_recorded(folder: Path, revision: str | None) -> Path:
    """The folder of a scene that was labelled elsewhere as `revision`: a recording may have no revision folder.

    Raises ReadError when it is not there.
    """
    with _looking_for(folder):
        return folder if is_scene(folder) else _found(folder, revision)


def read_scene(folder: Path, revision: str | None = None) -> T4Scene:
    """Read the scene in `folder` (see `find_scene`). Raises ReadError when it is missing or broken.

    Lidar files are not opened. Optional tables and unknown fields are left out.
    """
    found = find_scene(folder, revision)
    return scene_of(found, read_tables(found))


def read_tables(found: Path) -> dict[str, bytes]:
    """The content of each table of the scene in exactly this folder. Raises ReadError."""
    contents, scene = {}, place_of(found)
    paths = {table: f"{found}/annotation/{table}.json" for table in RECORDS}
    read = contents_of(paths.values())
    for table, path in paths.items():
        try:
            contents[table] = next(read)
        except FileNotFoundError:
            raise ReadError(f"scene {scene}: table {table} is missing ({path}); {CURE}") from None
        except OSError as error:
            raise ReadError(f"scene {scene}: table {table} cannot be read ({path}: {error}); {CURE}") from None
    return contents


def scene_of(found: Path, contents: Mapping[str, bytes]) -> T4Scene:
    """The scene in this folder, of the contents of its tables. Raises ReadError."""
    name = place_of(found)
    _refuse_enormous(name, contents)
    columns = {table: _table(name, found, table, contents[table]) for table in RECORDS}
    _check_references(name, columns)
    if len(columns["scene"]) != 1:
        raise ReadError(f"scene {name}: table scene has {len(columns['scene'])} rows instead of one; {CURE}")
    _refuse_repeated(name, columns)
    return T4Scene(name, found, columns)


def place_of(folder: Path) -> str:
    """`{T4 id}/{revision}` of a scene's folder, or `{T4 id}` where that has no revision."""
    return f"{folder.parent.name}/{folder.name}" if folder.name.isdecimal() else folder.name


def _table(scene: str, folder: Path, table: str, content: bytes) -> Table:
    path = f"{folder}/annotation/{table}.json"
    try:
        rows = _json(content)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"scene {scene}: table {table} cannot be read ({path}: {error}); {CURE}") from None
    if not isinstance(rows, list):
        raise ReadError(f"scene {scene}: table {table} is no list of rows ({path}); {CURE}")
    try:
        return table_of(RECORDS[table], rows)
    except FieldError as wrong:
        row = rows[wrong.row]
        token = row.get("token", f"(row {wrong.row})") if isinstance(row, dict) else f"(row {wrong.row})"
        raise ReadError(f"scene {scene}: table {table}, token {token}: {wrong.error}; {CURE}") from None


def _refuse_enormous(scene: str, contents: Mapping[str, bytes]) -> None:
    """Raise ReadError for tables that would not fit in memory as objects; counts only in those that might not."""
    sizes = {table: len(contents[table]) for table in RECORDS}
    values = sizes
    if sum(sizes.values()) > MOST_VALUES:
        values = {table: sum(contents[table].count(mark) for mark in (b",", b"[", b"{")) for table in RECORDS}
    for found, most, unit in ((sizes, MOST_BYTES, "bytes"), (values, MOST_VALUES, "values")):
        table = max(found, key=lambda name: found[name])
        if found[table] > most:
            raise ReadError(
                f"scene {scene}: table {table} is larger than any: {found[table]:,} {unit}, and {most:,} are the most; "
                f"{CURE}"
            )
        if sum(found.values()) > 2 * most:
            raise ReadError(
                f"scene {scene}: its tables are larger than any: {sum(found.values()):,} {unit}, and {2 * most:,} are "
                f"the most, of which table {table} has {found[table]:,}; {CURE}"
            )


def _refuse_repeated(scene: str, tables: Mapping[str, Table]) -> None:
    """Raise ReadError where little in a table would become much in the frames, which repeat it."""
    for table, field in REPEATED:
        longest = max(tables[table][field], key=len, default="")
        if len(longest) > MOST_NAME:
            raise ReadError(
                f"scene {scene}: table {table} has a {field} of {len(longest):,} characters, and {MOST_NAME:,} are the "
                f"most; {CURE}"
            )
    sensors, samples = len(tables["sensor"]), len(tables["sample"])
    if sensors * samples > MOST_SOURCES:
        raise ReadError(f"scene {scene}: {sensors:,} sensors are too many for {samples:,} samples; {CURE}")


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:  # Python's reader knows NaN, half a surrogate and integers of any length, which some write
        return json.loads(content.decode("utf-8"))


def _check_references(scene: str, tables: Mapping[str, Table]) -> None:
    for name, table in tables.items():
        if len(table.index) != len(table):
            raise ReadError(f"scene {scene}: table {name} has two rows with one token; {CURE}")
        for field, column in table.columns.items():
            target = name if field in ("prev", "next") else REFERENCES.get(field)
            if target is not None:
                lists = field.endswith("s")
                used = set(chain.from_iterable(column) if lists else column)
                none = {""} if field in MAY_BE_EMPTY or (name, field) == ("sample_data", "sample_token") else set()
                if lost := used.difference(tables[target].index, none):
                    row = next(row for row, given in enumerate(column) if lost & (set(given) if lists else {given}))
                    token = next(one for one in (column[row] if lists else (column[row],)) if one in lost)
                    raise ReadError(
                        f"scene {scene}: table {name}, token {table['token'][row]}: {field} names {token}, "
                        f"which table {target} does not have; {CURE}"
                    )
