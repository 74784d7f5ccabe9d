"""What a source holds: inventory.json names each scene with a digest, and a file in inventory/ the files of each.

All are small, sorted and free of dates, so that DVC sees a change of the source as a change of an input.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import orjson

from t4zoo.errors import UsageError
from t4zoo.scene_files import INVENTORY
from t4zoo.whole import whole, write_whole

FORM = 1
FOLDER = "inventory"
CURE = "`git checkout` or `dvc checkout` brings it back, `t4zoo dataset refresh` writes it anew"

Files = Mapping[str, tuple[int, str]]  # path below the scene -> size [bytes] and entity tag

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*", re.ASCII)
_SCENE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[0-9]{1,255})?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)  # what JSON of another form raises


@dataclass(frozen=True)
class Summary:
    """A scene as inventory.json has it. sha256: of the file that lists its files."""

    files: int
    bytes: int
    sha256: str


def place_of(key: str) -> tuple[str, str] | None:
    """Scene (`{id}/{revision}` or `{id}`) and path below it of an object; None for what no scene can have.

    Such are names that lead elsewhere, hidden ones, and those with a backslash or a control character in them.
    """
    parts = key.split("/")
    if _is_odd(key) or len(parts) < 3 or not _ID.fullmatch(parts[0]):
        return None
    revised = parts[1].isascii() and parts[1].isdecimal()
    if revised and len(parts) < 4:
        return None
    return ("/".join(parts[:2]), "/".join(parts[2:])) if revised else (parts[0], "/".join(parts[1:]))


def is_complete(files: Iterable[str]) -> bool:
    """Whether these files are a scene: one that is being uploaded may have clouds only."""
    return any(path.startswith("annotation/") for path in files)


def encode(files: Files) -> bytes:
    """The file that lists the files of one scene: three columns a folder."""
    folders: dict[str, dict[str, list[str] | list[int]]] = {}
    paths = sorted((*path.rpartition("/")[::2], *told) for path, told in files.items())
    for folder, rows in groupby(paths, lambda row: row[0]):
        _, names, sizes, tags = zip(*rows, strict=True)
        folders[folder] = {"names": list(names), "sizes": list(sizes), "etags": list(tags)}
    return json.dumps({"form": FORM, "folders": folders}, ensure_ascii=False).encode() + b"\n"


def decode(content: bytes) -> Files:
    """What `encode` wrote. Raises one of _BROKEN for anything else."""
    found: dict[str, tuple[int, str]] = {}
    for folder, columns in orjson.loads(content)["folders"].items():
        names, sizes, tags = columns["names"], columns["sizes"], columns["etags"]
        if any("/" in name for name in names) or (names and _is_odd("/".join((folder, *names) if folder else names))):
            raise ValueError(f"{folder[:100]!r} has a name that leads elsewhere")
        if {*map(type, sizes)} - {int} or {*map(type, tags)} - {str} or min(sizes, default=0) < 0:
            raise ValueError(f"{folder[:100]!r} has sizes or tags that are none")
        for name, size, tag in zip(names, sizes, tags, strict=True):
            found[f"{folder}/{name}" if folder else name] = (size, tag)
    return found


def _is_odd(path: str) -> bool:
    """Whether a part of it leads elsewhere, is hidden, or has a backslash or a control character in it."""
    return "/." in f"/{path}" or "//" in f"/{path}/" or "\\" in path or not path.isprintable()


def summary_of(content: bytes) -> Summary:
    """The line of inventory.json for a scene that `encode` made this of."""
    sizes = [size for size, _ in decode(content).values()]
    return Summary(len(sizes), sum(sizes), hashlib.sha256(content).hexdigest())


def read_index(dataset: Path) -> dict[str, Summary]:
    """Scene -> its line. Raises UsageError."""
    path = dataset / INVENTORY
    try:
        data = orjson.loads(path.read_bytes())
        if data["form"] != FORM:
            raise ValueError(f"its form is {data['form']!r}")
        found = {scene: Summary(int(row[0]), int(row[1]), str(row[2])) for scene, row in data["scenes"].items()}
        if odd := [one for one, row in found.items() if not (_SCENE.fullmatch(one) and _DIGEST.fullmatch(row.sha256))]:
            raise ValueError(f"{odd[0][:100]!r} is no scene with its digest")
    except (OSError, *_BROKEN) as error:
        raise UsageError(f"{path}: is no inventory ({error}); {CURE}") from None
    return found


def _place(dataset: Path, scene: str, summary: Summary) -> Path:
    """Named by its content too, so that those of two inventories lie beside each other while one replaces the other."""
    return dataset / FOLDER / f"{scene}-{summary.sha256[:12]}.json"


def read_files(dataset: Path, scene: str, summary: Summary) -> Files:
    """The files of a scene. Raises UsageError where they are not those that inventory.json was written with."""
    path = _place(dataset, scene, summary)
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == summary.sha256:
            return decode(content)
        reason = f"it is not the one that {INVENTORY} names"
    except (OSError, *_BROKEN) as error:
        reason = str(error)
    raise UsageError(f"{path}: cannot be relied on ({reason}); {CURE}") from None


def write_inventory(dataset: Path, scenes: Mapping[str, bytes]) -> None:
    """Write what `encode` made of each scene; with inventory.json, at the end, the new one holds.

    One process at a time: else each would remove the lists that the other's inventory.json names.
    """
    dataset.mkdir(parents=True, exist_ok=True)
    handle = os.open(dataset, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        _write(dataset, scenes)
    finally:
        os.close(handle)


def _write(dataset: Path, scenes: Mapping[str, bytes]) -> None:
    rows = {scene: summary_of(content) for scene, content in sorted(scenes.items())}
    wanted = {_place(dataset, scene, row): scenes[scene] for scene, row in rows.items()}
    for path, content in wanted.items():
        if not path.is_file() or path.read_bytes() != content:
            with whole(path) as temporary:
                temporary.write_bytes(content)
    lines = ",\n".join(f'"{scene}": [{row.files}, {row.bytes}, "{row.sha256}"]' for scene, row in rows.items())
    write_whole(dataset / INVENTORY, f'{{"form": {FORM}, "scenes": {{\n{lines}\n}}}}\n')
    for path in sorted((dataset / FOLDER).rglob("*"), reverse=True):  # what a folder holds before the folder
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in wanted:
            path.unlink()
