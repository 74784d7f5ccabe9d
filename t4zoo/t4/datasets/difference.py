"""What differs between the lists of two moments: scenes, and the frames of those whose tables or infos are at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from t4zoo.t4.datasets.annotated import NOTHING, Annotated, FrameChange, TablesError, compare
from t4zoo.t4.datasets.entries import Entry
from t4zoo.t4.datasets.moment import Moment

What = Literal["added", "removed", "moved", "revision", "re-annotated"]

ORDER: tuple[What, ...] = ("added", "removed", "moved", "revision", "re-annotated")


@dataclass(frozen=True)
class SceneChange:
    """One scene that differs. a, b: its entries, None where it is not in a list.

    frames: None where it is not known; known: from where it is known, or why not.
    """

    id: str
    whats: tuple[What, ...]
    a: Entry | None
    b: Entry | None
    frames: FrameChange | None
    known: str


@dataclass(frozen=True)
class Difference:
    """lists: dataset -> its settings before and after, where they differ. scenes: those that differ.

    same: scenes that neither tables nor info files tell apart. unknown: scenes under one revision of which nothing is
    at hand for both moments.
    """

    lists: dict[str, dict[str, tuple[Any, Any]]]
    scenes: tuple[SceneChange, ...]
    same: int
    unknown: int


def difference(a: Moment, b: Moment, advance: Callable[[int], None]) -> Difference:
    """Compare two moments; `advance` is called after each scene."""
    infos = _Infos(a, b)
    changes, same, unknown = [], 0, 0
    for one, other in _pairs(a, b):
        whats = _whats(one, other)
        frames, known = _frames(a, b, one, other, infos)
        if not whats and known == DIFFER:
            whats = ("re-annotated",)
        if not whats and frames and (known != INFOS or frames.changed):
            whats = ("re-annotated",)
        if not whats and frames is None:
            unknown += 1
        elif not whats:
            same += 1
        else:
            entry = one or other
            assert entry is not None  # noqa: S101  (a pair has one at least)
            changes.append(SceneChange(entry.scene.id, whats, one, other, frames, known))
        advance(1)
    return Difference(dict(_lists(a, b)), tuple(sorted(changes, key=_place)), same, unknown)


def _pairs(a: Moment, b: Moment) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Entries of one scene; one that is gone from a dataset and new in another is the same."""
    gone = {key[1]: key for key in sorted(a.entries.keys() - b.entries.keys())}
    came = {key[1]: key for key in sorted(b.entries.keys() - a.entries.keys())}
    over = {gone[name]: came[name] for name in gone.keys() & came.keys()}
    for key in sorted(a.entries):
        yield a.entries[key], b.entries.get(over.get(key, key))
    for key in sorted(b.entries.keys() - a.entries.keys() - set(over.values())):
        yield None, b.entries[key]


def _whats(a: Entry | None, b: Entry | None) -> tuple[What, ...]:
    if a is None or b is None:
        return ("added",) if a is None else ("removed",)
    moved: tuple[What, ...] = ("moved",) if (a.dataset, a.split) != (b.dataset, b.split) else ()
    return (*moved, "revision") if a.scene.revision != b.scene.revision else moved


def _place(change: SceneChange) -> tuple[str, int, str, str]:
    entry = change.b or change.a
    assert entry is not None  # noqa: S101  (one of them is there)
    return entry.dataset, ORDER.index(change.whats[0]), entry.split, change.id


def _lists(a: Moment, b: Moment) -> Iterator[tuple[str, dict[str, tuple[Any, Any]]]]:
    for name in sorted(a.lists.keys() | b.lists.keys()):
        sides = [moment.lists.get(name) for moment in (a, b)]
        values = [one.values if one else {} for one in sides]
        keys = ("dataset_version", "data_of", "sample_steps")
        told = {key: (values[0].get(key), values[1].get(key)) for key in keys}
        differing = {key: pair for key, pair in told.items() if pair[0] != pair[1]}
        if None in sides:
            differing["list"] = ("there" if sides[0] else None, "there" if sides[1] else None)
        if differing:
            yield name, differing


def _frames(
    a: Moment, b: Moment, one: Entry | None, other: Entry | None, infos: _Infos
) -> tuple[FrameChange | None, str]:
    """The frames that differ, None where that is not known; and from where it is known, or why not."""
    try:
        frames, known = _by_tables(a, b, one, other)
    except TablesError as error:
        frames, known = None, str(error)
    if frames is None or (not frames and known == ON_DISK):
        told = infos.frames(one, other)
        if told is not None:
            return told, INFOS
    return frames, known


ON_DISK = "disk, as it is now"
INFOS = "info files"  # whose frames also depend on sample_steps
DIFFER = "the tables differ, and DVC's cache does not have both; `dvc fetch --all-tags` may bring them"
NOT_HERE = "the tables are neither in DVC's cache nor on disk"


def _by_tables(a: Moment, b: Moment, one: Entry | None, other: Entry | None) -> tuple[FrameChange | None, str]:
    sides = [moment.tables(entry) if entry else None for moment, entry in ((a, one), (b, other))]
    if any(entry and not tables for entry, tables in zip((one, other), sides, strict=True)):
        return None, NOT_HERE
    sources = sorted({tables.source for tables in sides if tables})
    known = ON_DISK if sources == ["disk"] else " and ".join(sources)
    x, y = sides
    if x and y and (x.files == y.files or (x.digests() is not None and x.digests() == y.digests())):
        return FrameChange((), (), (), (0, 0), (0, 0)), known
    read = [tables.read(entry.where) if tables and entry else NOTHING for entry, tables in ((one, x), (other, y))]
    if read[0] is None or read[1] is None:
        return None, DIFFER
    return compare(read[0], read[1]), known


class _Infos:
    """The scenes of info files that are not the same at both moments, each file read when it is first asked for."""

    def __init__(self, a: Moment, b: Moment) -> None:
        self._moments = a, b
        self._found: tuple[dict[str, dict[str, Annotated]], ...] | None = None

    def frames(self, one: Entry | None, other: Entry | None) -> FrameChange | None:
        """By the first product that has the scene at both moments; None where none has, or other settings made them."""
        if self._moments[0].settings != self._moments[1].settings:
            return None
        for product in sorted({path.rpartition("/")[0] for moment in self._moments for path in moment.infos}):
            sides = [self._scene(number, product, entry) for number, entry in enumerate((one, other))]
            if sides[0] is not None and sides[1] is not None:
                return compare(sides[0], sides[1])
        return None

    def _scene(self, number: int, product: str, entry: Entry | None) -> Annotated | None:
        if entry is None:
            return NOTHING
        if self._found is None:
            self._found = tuple(map(self._read, self._moments))
        scenes = self._found[number].get(product, {})
        if entry.scene.revision is not None:
            return scenes.get(entry.scene.key)
        return next((made for name, made in scenes.items() if name.split("/")[0] == entry.scene.id), None)

    def _read(self, moment: Moment) -> dict[str, dict[str, Annotated]]:
        found: dict[str, dict[str, Annotated]] = {}
        for path in sorted(moment.infos):
            if self._moments[0].info_digest(path) == self._moments[1].info_digest(path):
                continue
            found.setdefault(path.rpartition("/")[0], {}).update(moment.in_info(path))
        return found
