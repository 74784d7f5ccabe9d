"""`t4zoo gc`: first a plan with a digest; then the same plan made again, and done if it still is the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.zoo.address import cache_folder, find_store, zoo_of
from t4zoo.zoo.keeping.gc.clones import Clone, clone_id, read_clones
from t4zoo.zoo.keeping.gc.here import look
from t4zoo.zoo.keeping.stored import Stored, inside_of, list_store
from t4zoo.zoo.keeping.survey import survey
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import digest
from t4zoo.zoo.releasing.lock import key_of
from t4zoo.zoo.storage.eraser import BATCH, Eraser
from t4zoo.zoo.storage.folder import Entry, open_folder

GRACE = 14  # whole days for which every object is kept
SILENT = 30  # days after which a clone has to speak again, or be forgotten

OnPath = Callable[[str], None]


class GcError(T4zooError):
    """Something that keeps gc from knowing what is needed, or a plan that is no longer the same."""


@dataclass(frozen=True)
class Kept:
    """How many objects are kept for each reason; an object counts for the first that holds."""

    here: int
    manifests: int
    clones: int
    young: int


@dataclass(frozen=True)
class Plan:
    """doomed: what nothing needs: lists of folders first, then by path. notes: what a person should know."""

    store: str
    doomed: tuple[Entry, ...]
    kept: Kept
    clones: tuple[Clone, ...]
    notes: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes that would be freed."""
        return sum(entry.size for entry in self.doomed)

    @property
    def digest(self) -> str:
        """sha256 of what would be deleted: name, size, entity tag and age of each, and from where."""
        rows = [[entry.path, entry.size, entry.etag, entry.modified] for entry in self.doomed]
        return digest(json.dumps([self.store, rows]).encode())


def make_plan(
    root: Path, now: datetime, grace: int = GRACE, silent: int = SILENT, done: OnPath = lambda path: None
) -> Plan:
    """Look at everything, delete nothing. now: by the server's clock. grace, silent [days]. done: hears of each read.

    Raises GcError with all reasons why what is needed cannot be known.
    """
    stored = list_store(open_folder(find_store(root)))  # first: what comes later cannot be deleted
    here = look(root)
    zoo = survey(open_folder(zoo_of(root)), load_layout(root), done)
    own = clone_id(root)
    clones = [clone for clone in read_clones(stored.folder) if clone.id != own]
    refusals = [*here.refusals, *(held.problem for held in zoo.held.values() if held.problem)]
    refusals += [_told(clone, silent) for clone in clones if now - clone.spoke > timedelta(days=silent)]
    reasons = [
        here.named,
        frozenset(file.md5 for released in zoo.released() for file in released.manifest.files),
        frozenset[str]().union(*(clone.named for clone in clones)),
    ]
    doomed, kept = sort_out(stored, reasons, _midnight(now, grace), cache_folder(root), done)
    refusals += [_broken(md5, stored) for md5 in sorted(stored.broken)]
    if refusals:
        raise GcError("\n".join(["gc cannot know what is needed:", *(f"  - {refusal}" for refusal in refusals)]))
    return Plan(stored.folder.address.url, doomed, kept, tuple(clones), here.notes)


def sort_out(
    stored: Stored,
    reasons: Iterable[frozenset[str]],
    cutoff: datetime,
    cache: Path,
    done: OnPath = lambda path: None,
) -> tuple[tuple[Entry, ...], Kept]:
    """What no reason names, alone or in a folder, and is older than `cutoff`; and how many are kept why.

    reasons: md5 that are needed: here, by manifests, by other clones. cache: DVC's, for lists that the store lacks.
    """
    young = frozenset(md5 for md5, entry in stored.objects.items() if _is_since(cutoff, entry))
    needed: set[str] = set()
    counts = []
    for reason in (*reasons, young):
        found = (_with_contents(reason, stored, cache, done) & stored.objects.keys()) - needed
        counts.append(len(found))
        needed |= found
    doomed = [entry for md5, entry in stored.objects.items() if md5 not in needed]
    # Lists first: DVC takes a folder whose list is there for whole, so that none may outlive its files.
    doomed.sort(key=lambda entry: (not entry.path.endswith(".dir"), entry.path))
    return tuple(doomed), Kept(*counts)


def delete(plan: Plan, wanted: str, eraser: Eraser, done: OnPath = lambda path: None, batch: int = BATCH) -> None:
    """Do it, if this plan is the one that was agreed to. done: hears of each object that is gone.

    A gc that was killed has deleted some of what it might: plan again, and go on. Raises GcError, FolderError.
    """
    if plan.digest != wanted:
        raise GcError(
            f"the plan is no longer the same: its sha256 was {wanted}, and is {plan.digest} now, since objects were "
            "pushed, needed, or grew old meanwhile; look at `t4zoo gc` again"
        )
    for start in range(0, len(plan.doomed), batch):
        paths = [entry.path for entry in plan.doomed[start : start + batch]]
        eraser.delete(paths)
        for path in paths:
            done(path)


def _told(clone: Clone, silent: int) -> str:
    return (
        f"{clone}: has not said for {silent} days what it needs; run `t4zoo gc --register` there, or, if it is no "
        f"more, `t4zoo gc --forget {clone.id}`"
    )


def _broken(md5: str, stored: Stored) -> str:
    return (
        f"{stored.folder.address.url_of(key_of(md5))}: is a list of files that holds other bytes than its name says, "
        "so that nobody knows what is in the folder; remove it, then `dvc push` from a clone whose cache has it"
    )


def _is_since(cutoff: datetime, entry: Entry) -> bool:
    """Also where the server does not say when it was written."""
    return not entry.modified or datetime.fromisoformat(entry.modified) >= cutoff


def _midnight(now: datetime, grace: int) -> datetime:
    """The beginning of a day, by UTC, so that a plan stays the same until the day ends."""
    return datetime.combine(now.astimezone(UTC).date() - timedelta(days=grace), datetime.min.time(), UTC)


def _with_contents(named: frozenset[str], stored: Stored, cache: Path, done: OnPath) -> set[str]:
    """These, and what lies in those that are folders: by the store's list, else by this machine's."""
    found = set(named)
    lists = {md5 for md5 in named if md5.endswith(".dir")}
    stored.read_lists(lists, done)
    for md5 in lists:
        inside = stored.inside[md5] if md5 in stored.inside else _in_cache(cache, md5)
        found.update(inside.values())
    return found


def _in_cache(cache: Path, md5: str) -> dict[str, str]:
    try:
        content = (cache / key_of(md5)).read_bytes()
    except OSError:
        return {}
    return inside_of(content, md5) or {}
