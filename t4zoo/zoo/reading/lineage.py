"""What a version was made from, up to the roots, and what was made from it: from rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from t4zoo.errors import UsageError
from t4zoo.plain import plain
from t4zoo.zoo.reading.columns import aligned, said_of
from t4zoo.zoo.reading.index import Row, ZooIndexError, read_index
from t4zoo.zoo.reading.locate import Located, Where, locate
from t4zoo.zoo.reading.reindex import row_of
from t4zoo.zoo.reading.rows import Rows, read_rows
from t4zoo.zoo.reference import AtUrl, parse_reference

_DEEPEST = 30  # steps to the right; beyond them a line goes straight down
_HEAD = ("version", "kind", "mAP", "")


@dataclass(frozen=True)
class Step:
    """One version of a tree, or weights by URL, which have no row. depth: 1 beside the version that was asked for.

    again: what is above or below it was shown where it stood first, so that a circle ends there.
    """

    name: str
    depth: int
    row: Row | None
    again: bool


@dataclass(frozen=True)
class Lineage:
    """Two trees around one version, each in the order in which it is read, nearest first."""

    row: Row
    ancestors: tuple[Step, ...]
    descendants: tuple[Step, ...]


def lineage(rows: Iterable[Row], row: Row) -> Lineage:
    """The lineage of the version `row`, which need not be among `rows`."""
    known = {one.name: one for one in rows} | {row.name: row}
    children: dict[str, list[str]] = {}
    for one in known.values():
        for parent in one.parents:
            children.setdefault(parent, []).append(one.name)
    parents = {one.name: one.parents for one in known.values()}
    return Lineage(row, _walk(row.name, parents, known), _walk(row.name, children, known))


def line(rows: Iterable[Row], row: Row) -> list[str]:
    """The names from the version up to its root, by the first parent of each."""
    known = {one.name: one for one in rows} | {row.name: row}
    names = {row.name: None}  # in order
    at: Row | None = row
    while at and at.parents and at.parents[0] not in names:
        names[at.parents[0]] = None
        at = known.get(at.parents[0])
    return list(names)


def line_of(located: Located) -> list[str]:
    """The line of a version of a zoo, in one request more; nothing where no index says it, or it was named by URL."""
    released = located.released
    if not released.folder:
        return []
    try:
        index = read_index(located.source)
    except ZooIndexError:
        return []
    return line(index.rows, row_of(released.manifest, released.digest, released.folder)) if index else []


def trace(text: str, where: Where, done: Callable[[str], None]) -> tuple[Lineage, Rows]:
    """The lineage of the version of the zoo that `text` names, and the rows that it was found by.

    Raises UsageError for a URL, and NotReleasedError.
    """
    reference = parse_reference(text)
    if isinstance(reference, AtUrl):
        raise UsageError(f"{text}: a lineage is that of a zoo; give its URL as --zoo, and name the version")
    rows = read_rows(where.open_zoo(), where.repository, done)
    row = next((row for row in rows.rows if row.name == str(reference.name)), None)
    if row is None:  # released, perhaps, and not in the index yet
        located = locate(str(reference.name), where)
        released = located.released
        row = row_of(released.manifest, released.digest, released.folder, located.notice)
    return lineage(rows.rows, row), rows


def view(found: Lineage) -> Iterator[str]:
    """`t4zoo lineage`: harmless lines, each tree indented by its depth."""
    row = found.row
    cells: list[Sequence[str]] = [(row.name, *_cells(row))]
    for title, steps in (("made from", found.ancestors), ("went into", found.descendants)):
        cells.append((title if steps else f"{title} nothing", "", "", ""))
        cells += [
            (f"{'  ' * min(step.depth, _DEEPEST)}{plain(step.name)}", *_cells(step.row, step.again)) for step in steps
        ]
    return aligned(_HEAD, cells, right=(2,))


def records(found: Lineage) -> dict[str, Any]:
    """`t4zoo lineage --json`: flat lists, since a line of versions may be longer than JSON can be deep."""
    return {
        **_facts(found.row.name, found.row),
        "ancestors": [_record(step) for step in found.ancestors],
        "descendants": [_record(step) for step in found.descendants],
    }


def _walk(start: str, following: dict[str, list[str]], known: dict[str, Row]) -> tuple[Step, ...]:
    steps: list[Step] = []
    seen = {start}
    ahead = [(name, 1) for name in reversed(following.get(start, ()))]
    while ahead:
        name, depth = ahead.pop()
        beyond = following.get(name, ())
        again = name in seen and bool(beyond)
        steps.append(Step(name, depth, known.get(name), again))
        if name not in seen:
            seen.add(name)
            ahead += [(one, depth + 1) for one in reversed(beyond)]
    return tuple(steps)


def _cells(row: Row | None, again: bool = False) -> tuple[str, str, str]:
    mark = ["as above"] if again else []
    if row is None:
        return "-", "-", ", ".join(["not in this zoo", *mark])
    score = "-" if row.score is None else f"{row.score:.3f}"
    return plain(row.kind or "-"), score, ", ".join([*filter(None, [said_of(row)]), *mark])


def _facts(name: str, row: Row | None) -> dict[str, Any]:
    if row is None:
        return {"name": name, "kind": None, "mAP": None, "state": None, "reason": None}
    return {"name": name, "kind": row.kind, "mAP": row.score, "state": row.state, "reason": row.reason}


def _record(step: Step) -> dict[str, Any]:
    return {**_facts(step.name, step.row), "depth": step.depth, "again": step.again}
