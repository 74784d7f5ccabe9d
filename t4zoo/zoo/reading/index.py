"""The zoo's index: one object with a row for each version, so that a list of ten thousand takes one request.

It says nothing that manifests and notices do not: it may be late, and it can be made anew from them at any time.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from operator import itemgetter
from typing import Any, NamedTuple

from t4zoo.errors import T4zooError
from t4zoo.zoo.storage.folder import DeniedError, Folder, Writable, read_tagged
from t4zoo.zoo.version import Name, VersionError, order, parse_name

INDEX_NAME = "index.json"
SCHEMA_VERSION = 1
LIMIT = 128 * 1024**2  # bytes of the largest index that is read: some 300,000 versions
CURE = "`t4zoo doctor --fix` makes the index anew from the manifests"

_TRIES = 40  # of a write that others come before
LONGEST = 4096  # characters of one text in a row
_NAMES = re.compile(r"[A-Za-z0-9_.@/-]{1,300}", re.ASCII)


class ZooIndexError(T4zooError):
    """An index that cannot be read, or that others keep changing. etag: of the object that is no index."""

    etag: str | None = None


class Row(NamedTuple):
    """What the index says of a version. Fields are spelt as in FIELDS; size in bytes, time as ISO 8601.

    kind: a model's, else `info` or `auto_label`. parents: names of versions or URLs that it was made from.
    manifest: sha256. folder: below the zoo's address. reason: of a state that is not `active`.
    """

    name: str
    kind: str | None
    product: str | None
    parents: list[str]
    score: float | None
    files: int
    size: int
    commit: str | None
    time: str | None
    manifest: str
    state: str
    reason: str | None
    folder: str


FIELDS = tuple("mAP" if field == "score" else field for field in Row._fields)
_TEXT: set[type] = {str}
_TEXT_OR_NONE: set[type] = {str, type(None)}
_TYPES: dict[str, set[type]] = {
    "name": _TEXT,
    "parents": {list},
    "mAP": {float, int, type(None)},
    "files": {int},
    "size": {int},
    "manifest": _TEXT,
    "state": _TEXT,
    "folder": _TEXT,
}


@dataclass(frozen=True)
class Index:
    """Rows in the order of their names. etag: of the object that it was read from, None where there was none."""

    rows: tuple[Row, ...]
    etag: str | None = None

    @staticmethod
    def of(rows: Iterable[Row], etag: str | None = None) -> Index:
        """An index of these rows."""
        return Index(tuple(sorted(rows, key=_key)), etag)

    def get(self, name: Name) -> Row | None:
        """What it says of a version; None where it knows none of that name."""
        return next((row for row in self.rows if row.name == str(name)), None)

    def with_rows(self, rows: Iterable[Row]) -> Index:
        """With these few rows in the place of any of the same names."""
        new = {row.name: row for row in rows}
        kept = [row for row in self.rows if row.name not in new]
        for row in new.values():
            kept.insert(bisect_left(kept, _key(row), key=_key), row)
        return Index(tuple(kept), self.etag)

    def without(self, names: Iterable[str]) -> Index:
        """Without the rows of these names."""
        gone = set(names)
        return Index(tuple(row for row in self.rows if row.name not in gone), self.etag)

    def to_bytes(self) -> bytes:
        """Its one spelling: a row a line."""
        lines = ",\n".join(json.dumps(row, allow_nan=False) for row in self.rows)
        head = json.dumps(FIELDS)
        return f'{{"schema_version": {SCHEMA_VERSION}, "fields": {head}, "rows": [\n{lines}\n]}}\n'.encode()


def parse_index(content: bytes, where: str, etag: str | None = None) -> Index:
    """Read an index from anywhere; raises ZooIndexError for anything that is none. Column by column, which is fast."""
    try:
        data = json.loads(content, parse_constant=_refuse)
        schema, names, rows = data["schema_version"], data["fields"], data["rows"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise ZooIndexError(f"{where}: is no index; {CURE}") from None
    if isinstance(schema, int) and schema > SCHEMA_VERSION:
        raise ZooIndexError(f"{where}: written by a newer t4zoo (schema {schema}); update t4zoo to read it")
    if not isinstance(names, list) or not isinstance(rows, list) or not set(FIELDS) <= {str(name) for name in names}:
        raise ZooIndexError(f"{where}: is no index: it lacks fields; {CURE}")
    if set(map(type, rows)) - {list} or set(map(len, rows)) - {len(names)}:
        raise ZooIndexError(f"{where}: is no index: a row has not {len(names)} fields; {CURE}")
    if names != list(FIELDS):
        pick = itemgetter(*(names.index(field) for field in FIELDS))
        rows = [pick(row) for row in rows]
    for field, column in zip(FIELDS, zip(*rows, strict=True), strict=False):
        if problem := _problem(field, column):
            raise ZooIndexError(f"{where}: is no index: {field} {problem}; {CURE}")
    return Index(tuple(map(Row._make, rows)), etag)


def read_index(zoo: Folder) -> Index | None:
    """The zoo's index, in one request; None where it has none. Raises ZooIndexError."""
    try:
        found = read_tagged(zoo, INDEX_NAME, LIMIT)
    except DeniedError:  # to one who may not list, S3 says so of what is not there
        return None
    try:
        return parse_index(found[0], zoo.address.url_of(INDEX_NAME), found[1]) if found else None
    except ZooIndexError as error:
        error.etag = found[1] if found else None
        raise


def update(zoo: Writable, change: Callable[[Index], Index], known: Index | None = None) -> Index:
    """Change the zoo's index, so that no one else's change is lost: again from the new state if it changed meanwhile.

    known: the index as it was read just now, which saves a request; `Index(())` begins one in an empty zoo. Elsewhere a
    zoo without an index stays so, since one that knows a few versions only would hide the rest: raises ZooIndexError.
    """
    for attempt in range(_TRIES):
        before = known if known and not attempt else read_index(zoo)
        if before is None:
            raise ZooIndexError(f"{zoo.address.url_of(INDEX_NAME)}: there is no index; {CURE}")
        after = change(before)
        if before.etag and after.rows == before.rows:
            return before
        if write(zoo, after):
            return after
        time.sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311  (so that the rivals part)
    raise ZooIndexError(f"{zoo.address.url_of(INDEX_NAME)}: others kept changing it; {CURE}")


def write(zoo: Writable, index: Index) -> bool:
    """Write it if the object is still the one it was read from; False, and nothing changed, otherwise.

    Raises ZooIndexError for one that nobody could read.
    """
    from t4zoo.zoo.storage.s3 import Description  # late: readers need no boto3

    content = index.to_bytes()
    parse_index(content, zoo.address.url_of(INDEX_NAME))
    description = Description("application/json", hashlib.sha256(content).hexdigest(), cache_control="no-cache")
    if index.etag is None:
        return zoo.create(INDEX_NAME, content, description)
    return zoo.replace(INDEX_NAME, content, index.etag, description)


def _key(row: Row) -> Any:
    try:
        return order(parse_name(row.name))
    except VersionError as error:
        raise ZooIndexError(f"{INDEX_NAME}: {error}; {CURE}") from None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _problem(field: str, column: tuple[Any, ...]) -> str | None:
    """What is wrong with the values of one field."""
    if set(map(type, column)) - _TYPES.get(field, _TEXT_OR_NONE):
        return "has a value of the wrong type"
    if field == "mAP" and not all(map(isfinite, filter(None, column))):
        return "is no number"
    if field == "parents":
        texts: list[Any] = [parent for parents in column for parent in parents]
        if set(map(type, texts)) - {str}:
            return "has a value of the wrong type"
    else:
        texts = [value for value in column if isinstance(value, str)]
    if texts and max(map(len, texts)) > LONGEST:
        return f"has a text of more than {LONGEST} characters"
    if field == "name" and (len(set(column)) != len(column) or not all(map(_NAMES.fullmatch, column))):
        return "has a name twice, or one that is none"
    return None
