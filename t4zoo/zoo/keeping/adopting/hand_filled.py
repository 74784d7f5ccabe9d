"""From the listing of a zoo that people filled to the versions in it, and to what is none, with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from t4zoo.errors import T4zooError
from t4zoo.zoo.keeping.adopting.naming import MODELS, Place, Rules, cure
from t4zoo.zoo.manifest import RESERVED, role_of
from t4zoo.zoo.reading.index import INDEX_NAME
from t4zoo.zoo.storage.folder import Entry
from t4zoo.zoo.version import ModelVersion, Name, order


@dataclass(frozen=True)
class HandFilled:
    """A folder that holds a version. files: by their path below it, sorted. left_out: its files that have no place."""

    folder: str
    spelling: str
    name: Name
    files: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()

    def key(self, file: Entry) -> str:
        """The path of a file below the zoo's address."""
        return f"{self.folder}/{file.path}"


@dataclass(frozen=True)
class LeftOut:
    """What is not adopted. where: a folder or file below the zoo's address. files: how many that are."""

    where: str
    why: str
    files: int


@dataclass(frozen=True)
class Found:
    """All that a listing holds, sorted; each name once."""

    versions: tuple[HandFilled, ...]
    left_out: tuple[LeftOut, ...]


def find_versions(entries: Iterable[Entry], rules: Rules) -> Found:
    """Every file is in a version or in a reason why not. Two folders of one name are both left out."""
    places: dict[Place, list[Entry]] = defaultdict(list)
    left_out: list[LeftOut] = []
    strays: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    known: dict[str, Place | str | None] = {}
    for entry in entries:
        folder, _, file = entry.path.rpartition("/")
        if folder not in known:
            known[folder] = _place(folder, rules)
        place = known[folder]
        if isinstance(place, Place):
            places[place].append(entry)
        elif file and entry.path != INDEX_NAME and file not in RESERVED:  # else a marker of an empty folder, or ours
            strays[folder, place or "lies in no folder that spells a version"].append(entry)
    left_out += [_stray(folder, why, files) for (folder, why), files in strays.items()]
    versions: list[HandFilled] = []
    has_models = any(folder.partition("/")[0] == MODELS for folder in known)
    for place, found in places.items():
        made = _version(place, found, rules, has_models)
        if isinstance(made, HandFilled):
            versions.append(made)
        elif made:
            left_out.append(made)
    kept, doubled = _each_name_once(versions)
    return Found(tuple(kept), tuple(sorted([*left_out, *doubled], key=lambda item: item.where)))


def _place(folder: str, rules: Rules) -> Place | str | None:
    folders = folder.split("/") if folder else []
    try:
        place = rules.place(folders)
    except T4zooError as error:
        return str(error)
    if place and any(word in ("", ".", "..") for word in place.folder.split("/")):
        return "lies below a folder without a name"
    return place


def _stray(folder: str, why: str, files: list[Entry]) -> LeftOut:
    return LeftOut(files[0].path if len(files) == 1 else f"{folder}/", why, len(files))


def _version(place: Place, entries: list[Entry], rules: Rules, has_models: bool) -> HandFilled | LeftOut | None:
    start = len(place.folder) + 1
    below = [replace(entry, path=entry.path[start:]) for entry in entries]
    files = [entry for entry in below if entry.path and not entry.path.endswith("/") and entry.path not in RESERVED]
    if not files:
        # Only our own manifest, which lies apart from its files, or nothing but a marker of the folder itself.
        return None if any(entry.path in RESERVED for entry in below) else LeftOut(place.folder, "is empty", 0)
    if rules.skips(place.folder):
        return LeftOut(place.folder, "left out by --skip", len(files))
    try:
        name = rules.name(place)
    except T4zooError as error:
        return LeftOut(place.folder, f"{error}; {cure(place.folder)}", len(files))
    outside = has_models and not place.folder.startswith(f"{MODELS}/") and place.folder not in rules.names
    if isinstance(name, ModelVersion) and outside and not any(map(_is_of_a_model, files)):
        why = f"lies outside {MODELS}/, and has no file of a model; {cure(place.folder)}"
        return LeftOut(place.folder, why, len(files))
    sound, unsound = _sound(files)
    return HandFilled(place.folder, place.spelling, name, sound, unsound)


def _is_of_a_model(file: Entry) -> bool:
    return role_of(file.path) in ("checkpoint", "onnx", "ros_param") or file.path.endswith(".zip")


def _sound(files: list[Entry]) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The files that can stand beside each other in a folder of any machine; and the others, each with the reason."""
    kept: dict[str, Entry] = {}
    left_out = []
    folders = {file.path[:at].casefold() for file in files for at, c in enumerate(file.path) if c == "/"}
    for file in sorted(files, key=lambda file: file.path):
        folded = file.path.casefold()
        if any(part in ("", ".", "..") for part in file.path.split("/")):
            left_out.append(f"{file.path!r}: has a part without a name")
        elif any(c in "\\:" or not c.isprintable() for c in file.path):
            left_out.append(f"{file.path!r}: cannot be a file's name on every machine")
        elif len(file.path) > 1024:
            left_out.append(f"{file.path[:40]!r}...: its name is too long")
        elif folded in folders:
            left_out.append(f"{file.path!r}: is also the name of a folder")
        elif folded in kept:
            left_out.append(f"{file.path!r}: differs from {kept[folded].path!r} in case only")
        else:
            kept[folded] = file
    return tuple(sorted(kept.values(), key=lambda file: file.path)), tuple(left_out)


def _each_name_once(versions: list[HandFilled]) -> tuple[list[HandFilled], list[LeftOut]]:
    by_name: dict[Name, list[HandFilled]] = defaultdict(list)
    for version in versions:
        by_name[version.name].append(version)
    kept, left_out = [], []
    for name, twins in by_name.items():
        if len(twins) == 1:
            kept += twins
            continue
        for twin in twins:
            others = ", ".join(sorted(other.folder for other in twins if other is not twin))
            why = f"is {name}, and so is {others}; leave one out with --skip, or name it with --name"
            left_out.append(LeftOut(twin.folder, why, len(twin.files)))
    return sorted(kept, key=lambda version: order(version.name)), left_out
