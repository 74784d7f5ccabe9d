"""Does the index say what manifests and notices say? It is derived from them, so that mending it loses nothing."""

from __future__ import annotations

from dataclasses import dataclass

from t4zoo.zoo.keeping.doctor.finding import Finding
from t4zoo.zoo.keeping.survey import Held, Survey
from t4zoo.zoo.reading.index import CURE, INDEX_NAME, Index, Row, ZooIndexError, read_index, update, write
from t4zoo.zoo.reading.reindex import UNCLEAR, row_of
from t4zoo.zoo.storage.folder import Folder, Writable

_CURE = "`t4zoo doctor --fix` writes what the manifests say"


@dataclass(frozen=True)
class Repair:
    """seen: the rows as they are, by name. right: as they must be. whole: there is no index, or one that is none.

    etag: of what is there instead of an index.
    """

    seen: dict[str, Row]
    right: dict[str, Row]
    whole: bool = False
    etag: str | None = None

    def do(self, zoo: Writable) -> None:
        """Write what is right; raises ZooIndexError where another wrote it first."""
        if not self.whole:
            update(zoo, self.apply)
        elif not write(zoo, Index.of(self.right.values(), self.etag)):
            raise ZooIndexError(f"{zoo.address.url_of(INDEX_NAME)}: another has written it meanwhile; look again")

    def apply(self, now: Index) -> Index:
        """The index mended; a row that someone changed since it was seen is left as it is."""
        rows = {row.name: row for row in now.rows}
        touched = {name for name, row in rows.items() if self.seen.get(name) != row}
        wrong = {name for name in self.seen.keys() | self.right.keys() if self.seen.get(name) != self.right.get(name)}
        mended = [self.right[name] for name in sorted(wrong - touched) if name in self.right]
        return now.without(wrong - touched).with_rows(mended)


def look(zoo: Folder) -> Index | ZooIndexError | None:
    """The index, or why it is none. To be called before the survey.

    What is released between the two is then in the index that is mended and not in this one, and so is left alone.
    """
    try:
        return read_index(zoo)
    except ZooIndexError as error:
        return error


def check_index(
    index: Index | ZooIndexError | None, survey: Survey, zoo: Folder
) -> tuple[list[Finding], Repair | None]:
    """Row by row; and how to mend it, None where nothing is to be done. index: as `look` found it."""
    right = {name: _row(held) for name, held in survey.by_name().items()}
    where = zoo.address.url_of(INDEX_NAME)
    if isinstance(index, ZooIndexError):
        what = str(index).removeprefix(f"{where}: ")
        if CURE not in what:  # a newer t4zoo wrote it, and knows more than would be written here
            return [Finding("index-broken", where, what, "")], None
        what = what.removesuffix(f"; {CURE}")
        return [Finding("index-broken", where, what, _CURE, fixable=True)], Repair({}, right, True, index.etag)
    if index is None:
        if not right:
            return [], None
        what = f"there is none, and {len(right)} versions"
        return [Finding("index-missing", where, what, _CURE, fixable=True)], Repair({}, right, whole=True)
    seen = {row.name: row for row in index.rows}
    findings = [
        *(_finding("index-row-missing", name, "is not listed") for name in right.keys() - seen.keys()),
        *(_finding("index-row-extra", name, "is listed") for name in seen.keys() - right.keys()),
        *(
            _finding("index-row-wrong", name, _difference(seen[name], right[name]))
            for name in seen.keys() & right.keys()
            if seen[name] != right[name]
        ),
    ]
    return findings, Repair(seen, right) if findings else None


def _row(held: Held) -> Row:
    released, notice = held.released, held.notice
    assert released is not None  # noqa: S101  (of those that `by_name` gives)
    row = row_of(released.manifest, released.digest, released.folder, notice)
    if held.notice_problem or (notice and (notice.name, notice.manifest) != (row.name, row.manifest)):
        return row._replace(state=UNCLEAR, reason="its notice cannot be read")
    return row


def _finding(fault: str, name: str, what: str) -> Finding:
    return Finding(fault, name, what, _CURE, fixable=True)


def _difference(seen: Row, right: Row) -> str:
    fields = [field for field in Row._fields if getattr(seen, field) != getattr(right, field)]
    return ", ".join(f"{field} is {getattr(seen, field)!r}, must be {getattr(right, field)!r}" for field in fields)
