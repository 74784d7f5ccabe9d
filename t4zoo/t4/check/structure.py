"""STR: are the folders and tables there, readable and of a size that a scene has?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from t4zoo.t4.check.raw import RawScene
from t4zoo.t4.check.rule import Fault, Rule, named, shown
from t4zoo.t4.check.schema import OPTIONAL_TABLES, SCHEMA
from t4zoo.t4.reader import LIDAR_CHANNELS

FETCH = "fetch the scene again, or take it out of its dataset list"

NO_ANNOTATION = Rule("STR001", "error", "there is no folder annotation/", FETCH)
MISSING = Rule("STR002", "error", "a mandatory table is missing", FETCH)
UNREADABLE = Rule("STR003", "error", "a table is no file that holds JSON", FETCH)
LARGE = Rule("STR004", "error", "a table is larger than any scene's", "cut the recording into scenes of some minutes")
NO_LIST = Rule("STR005", "error", "a table is no list of rows", "write each table as a JSON list of objects")
STRANGER = Rule("STR006", "warning", "a file in annotation/ is no table of T4", "correct its name, or remove it")
SCENES = Rule("STR007", "error", "the table scene has not exactly one row", "put every scene into a folder of its own")
NO_LIDAR = Rule("STR008", "error", "no sensor is a lidar LIDAR_CONCAT or LIDAR_TOP", "name the channel of the cloud so")
LINKED = Rule("STR009", "warning", "a table is a link out of the scene", "put the file itself there")
BROKEN = Rule("STR012", "error", "a table is so broken that it is not judged further", "is it a table of T4 at all?")
NO_SAMPLES = Rule("STR010", "error", "the table sample has no rows", FETCH)
UNFINISHED = Rule(
    "STR011", "error", "the check itself could not be finished", "report it, with the scene's annotation/"
)
AWAY = Rule(
    "STR013",
    "error",
    "a file of a scene in a bucket does not come as its inventory has it",
    "try again; `t4zoo dataset refresh --dry-run` tells what has changed there",
)

RULES = (
    NO_ANNOTATION, MISSING, UNREADABLE, LARGE, NO_LIST, STRANGER, SCENES, NO_LIDAR, LINKED, NO_SAMPLES, UNFINISHED,
    BROKEN, AWAY,
)  # fmt: skip

_UNREAD = {"missing": MISSING, "unreadable": UNREADABLE, "large": LARGE, "no list": NO_LIST, "broken": BROKEN}
_STORE = "files/md5"  # where DVC keeps what it may link to


def faults(scene: RawScene) -> Iterator[Fault]:
    """Faults of folders and whole tables."""
    annotation = scene.folder / "annotation"
    if not annotation.is_dir():
        yield Fault(NO_ANNOTATION, "", "", str(annotation))
        return
    for table, why in scene.unread.items():
        yield Fault(_UNREAD[why.kind], table, "", why.reason)
    yield from _files(annotation)
    yield from _contents(scene)


def _files(annotation: Path) -> Iterator[Fault]:
    known = {f"{table}.json": table for table in (*SCHEMA, *OPTIONAL_TABLES)}
    home = annotation.resolve().parent
    with os.scandir(annotation) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name not in known:
                if not entry.name.startswith("."):
                    yield Fault(STRANGER, "", "", named(entry.name))
            elif entry.is_symlink() and (target := _leads_out(Path(entry.path), home)) is not None:
                yield Fault(LINKED, known[entry.name], "", f"-> {named(str(target))}")


def _leads_out(path: Path, home: Path) -> Path | None:
    """Where the link leads, if that is neither in the scene nor in a store of DVC's."""
    target = Path(os.path.realpath(path))  # unlike Path.resolve, a circle is no error to it
    return None if target.is_relative_to(home) or _STORE in target.as_posix() else target


def _contents(scene: RawScene) -> Iterator[Fault]:
    if "scene" in scene.tables and len(scene.tables["scene"]) != 1:
        yield Fault(SCENES, "scene", "", f"{len(scene.tables['scene'])} rows")
    if "sample" in scene.tables and not scene.tables["sample"]:
        yield Fault(NO_SAMPLES, "sample", "", "0 rows")
    if "sensor" in scene.tables and scene.lidar_channel is None:
        channels = sorted({named(row["channel"]) for row in scene.sound("sensor", "channel")})
        yield Fault(NO_LIDAR, "sensor", "", f"channels: {shown(channels)}; wanted: {' or '.join(LIDAR_CHANNELS)}")
