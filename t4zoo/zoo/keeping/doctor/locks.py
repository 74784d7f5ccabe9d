"""Does the dvc.lock at every released tag still name its outs, and does the store have them?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from t4zoo.zoo.keeping import history
from t4zoo.zoo.keeping.doctor.finding import Finding
from t4zoo.zoo.keeping.doctor.tags import Tags, name_of
from t4zoo.zoo.keeping.outs import Outs, read_outs
from t4zoo.zoo.keeping.stored import Stored
from t4zoo.zoo.releasing.refusal import some

_CURE = "no commit changes: bring back an earlier dvc.lock, and release the next version from it"


def read_locks(root: Path, tags: Tags) -> dict[str, tuple[str, Outs]]:
    """Tag -> its commit and the outs of its dvc.lock; of tags that stand for versions, and have one."""
    named = {tag.name: tag.commit for tag in tags.local.values() if name_of(tag.name) is not None}
    locks = history.locks_at(root, named.values())
    outs = read_outs(root, locks.values())
    return {tag: (commit, outs[locks[commit]]) for tag, commit in sorted(named.items()) if commit in locks}


def check_locks(locks: dict[str, tuple[str, Outs]]) -> Iterator[Finding]:
    """Locks that cannot be read, or have lost an md5."""
    for tag, (_, lock) in locks.items():
        if lock.problem:
            yield Finding("lock-unreadable", tag, lock.problem, _CURE)
        for out in lock.outs:
            if out.md5 is None:
                yield Finding("lock-lost-md5", tag, f"{out.path} of {out.stage} has no md5 (`files: []`)", _CURE)


def check_named(
    root: Path,
    locks: dict[str, tuple[str, Outs]],
    store: Stored,
    known: set[str],
    done: Callable[[str], None] = lambda path: None,
) -> Iterator[Finding]:
    """Objects that a tag's lock names and the store lacks, folders opened. known: md5 that are told already.

    done: hears of each list of a folder that was read.
    """
    outs = {out for _, lock in locks.values() for out in lock.outs}
    store.read_lists((out.md5 for out in outs if out.md5 and out.is_folder), done)
    lacks = {tag: _lacking(lock, store, known) for tag, (_, lock) in locks.items()}
    every = (f"{locks[tag][0]}:{path}" for tag, paths in lacks.items() for path in paths)
    in_git = history.known(root, every)  # outs that DVC leaves to git
    for tag, paths in lacks.items():
        if gone := [path for path in paths if f"{locks[tag][0]}:{path}" not in in_git]:
            cure = f"`git checkout {tag}` and `dvc push`, where somebody's cache still has them"
            yield Finding("store-lacks-other", tag, f"lacks {some(gone)}", cure)


def _lacking(lock: Outs, store: Stored, known: set[str]) -> list[str]:
    """Paths of the workspace whose objects the store lacks."""
    needs = {path: md5 for out in lock.outs if out.md5 for path, md5 in _needs(out.path, out.md5, store)}
    return [path for path, md5 in sorted(needs.items()) if md5 not in store.objects and md5 not in known]


def _needs(path: str, md5: str, store: Stored) -> Iterator[tuple[str, str]]:
    yield path, md5
    for inner, inside in store.inside.get(md5, {}).items():
        yield f"{path}/{inner}", inside
