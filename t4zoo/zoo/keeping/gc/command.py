"""`t4zoo gc` as the command does it: from the working folder to the store, and what to say of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from t4zoo.errors import UsageError
from t4zoo.plain import plain
from t4zoo.zoo import git
from t4zoo.zoo.address import find_repository, find_store
from t4zoo.zoo.keeping.gc import clones
from t4zoo.zoo.keeping.gc import plan as planning
from t4zoo.zoo.keeping.gc.here import look
from t4zoo.zoo.keeping.gc.plan import GcError, OnPath, Plan
from t4zoo.zoo.reading.columns import human
from t4zoo.zoo.storage.eraser import Eraser, server_time
from t4zoo.zoo.storage.folder import open_folder, open_writable

_SHOWN = 20  # objects on a screen


def repository(folder: Path) -> Path:
    """The repository around `folder`; raises UsageError where there is none that names a store."""
    root = find_repository(folder.resolve())
    if root is None or git.root_of(root) != root:
        raise UsageError(f"{folder}: not in a git repository with .dvc/config at its top; gc looks through its past")
    return root


def plan(root: Path, grace: int, done: OnPath) -> Plan:
    """See `plan.make_plan`."""
    return planning.make_plan(root, server_time(find_store(root)), grace, done=done)


def delete(root: Path, made: Plan, wanted: str, done: OnPath) -> None:
    """See `plan.delete`."""
    planning.delete(made, wanted, Eraser(find_store(root)), done)


def register(root: Path, dry_run: bool) -> str:
    """Say in the store what this clone needs; the clone's id. Raises GcError where the clone does not know it."""
    here = look(root, ask=False)
    if here.refusals:
        raise GcError("\n".join(["this clone cannot tell what it needs:", *(f"  - {one}" for one in here.refusals)]))
    store = open_writable(find_store(root))
    return clones.clone_id(root) if dry_run else clones.register(root, store, here)


def forget(root: Path, clone: str, dry_run: bool) -> str:
    """No longer keep what a clone needed; raises UsageError for one that never spoke."""
    store = find_store(root)
    known = {one.id: one for one in clones.read_clones(open_folder(store))}
    if clone not in known:
        raise UsageError(f"no clone {clone!r} has spoken; there are {', '.join(known) or 'none'}")
    if not dry_run:
        Eraser(store).delete([f"{clones.FOLDER}{clone}.json"])
    return plain(f"{'would forget' if dry_run else 'forgotten'}: {known[clone]}")


def view(made: Plan) -> Iterator[str]:
    """The plan, for the screen."""
    kept, store = made.kept, made.store
    yield f"{store} keeps {kept.here} objects that this clone's history names, {kept.manifests} more that released"
    yield f"versions name, {kept.clones} more for other clones, {kept.young} more that are young."
    for clone in made.clones:
        yield plain(f"heard: {clone}")
    yield "A clone that is not heard here is kept from harm only by what it has pushed to git."
    yield from (plain(f"note: {note}") for note in made.notes)
    if not made.doomed:
        yield "Nothing is left to delete."
        return
    yield f"Nothing needs these {len(made.doomed)} objects, {human(made.size)}:"
    for entry in made.doomed[:_SHOWN]:
        yield f"  {entry.path}  {human(entry.size)}, {entry.modified[:10]}"
    if len(made.doomed) > _SHOWN:
        yield f"  and {len(made.doomed) - _SHOWN} more; --json has all"
    yield f"`t4zoo gc --delete {made.digest}` deletes them."


def as_dict(made: Plan) -> dict[str, Any]:
    """The plan, for scripts."""
    kept = made.kept
    return {
        "store": made.store,
        "digest": made.digest,
        "size": made.size,
        "objects": [{"path": e.path, "size": e.size, "modified": e.modified} for e in made.doomed],
        "kept": {"here": kept.here, "manifests": kept.manifests, "clones": kept.clones, "young": kept.young},
        "clones": [{"id": one.id, "who": one.who, "place": one.place, "spoke": one.spoke} for one in made.clones],
        "notes": list(made.notes),
    }
