"""The index hears of a release. A version is released with it or without: what goes wrong here is only told."""

from __future__ import annotations

from collections.abc import Iterable

from t4zoo.zoo.manifest import FILE_NAME
from t4zoo.zoo.reading.index import CURE, Index, ZooIndexError, update
from t4zoo.zoo.reading.reindex import row_of
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.storage.folder import Entry, FolderError
from t4zoo.zoo.storage.s3 import S3Folder


def begins_index(plan: Plan) -> bool:
    """Whether the zoo had no index when the plan was made."""
    return plan.index is not None and plan.index.etag is None


def announce(plan: Plan, zoo: S3Folder, others: bool) -> str:
    """Add the version's row to the index; what went wrong in one line, else "".

    others: versions are there of which no index knows; one that began with this version would hide them. One that
    another publisher began meanwhile is written into all the same.
    """
    row = row_of(plan.manifest, plan.digest, plan.folder)

    def with_row(index: Index) -> Index:
        known = index.get(plan.name)
        return index if known and known.manifest == row.manifest else index.with_rows([row])

    try:
        update(zoo, with_row, None if others else plan.index)
    except (ZooIndexError, FolderError) as error:
        if others and isinstance(error, ZooIndexError):
            return f"the zoo has no index, so that `t4zoo list` reads every manifest; {CURE}"
        told = str(error)
        return f"the index does not know of this version yet: {told if CURE in told else f'{told}; {CURE}'}"
    return ""


def has_others(plan: Plan, listed: Iterable[Entry]) -> bool:
    """Whether a listing of the whole zoo shows another version's manifest."""
    return any(e.path.endswith(f"/{FILE_NAME}") and e.path != f"{plan.folder}/{FILE_NAME}" for e in listed)
