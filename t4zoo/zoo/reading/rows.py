"""The versions of a zoo as rows: from its index, or from every manifest where it has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from t4zoo.zoo.reading.index import CURE, Row, read_index
from t4zoo.zoo.storage.folder import Folder

YANKED = "yanked"


@dataclass(frozen=True)
class Rows:
    """Rows in order of their names. problems: a line for each version that cannot be read. hint: why it took long."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()
    hint: str = ""


def read_rows(zoo: Folder, repository: Path | None, done: Callable[[str], None] = lambda name: None) -> Rows:
    """All versions of a zoo. Raises ZooIndexError for a broken index, and FolderError."""
    index = read_index(zoo)
    if index is not None:
        return Rows(index.rows)
    from t4zoo.zoo.layout import load_layout  # late: a zoo with an index is listed without all that reads manifests
    from t4zoo.zoo.reading.reindex import scan

    found = scan(zoo, load_layout(repository), done)
    hint = f"{zoo.address.url} has no index, so that every manifest was read; {CURE}" if found.rows else ""
    return Rows(found.rows, found.problems, hint)


def choose(rows: Iterable[Row], patterns: Sequence[str]) -> list[Row]:
    """Those whose name fits any of the patterns; all of them without a pattern.

    A shell pattern fits the whole name: `CenterPoint/*`, `*@v1.*`, `info@*`. A text without wildcards is part of it.
    """
    if not patterns:
        return list(rows)
    fits = re.compile("|".join(map(_pattern, patterns))).fullmatch
    return [row for row in rows if fits(row.name)]


def _pattern(text: str) -> str:
    return translate(text if any(c in text for c in "*?[") else f"*{text}*")
