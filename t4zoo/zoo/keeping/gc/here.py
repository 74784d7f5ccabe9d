"""What this clone needs: all that a dvc.lock or .dvc file names, in any commit of any branch, tag, stash or reflog."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from t4zoo.zoo import git
from t4zoo.zoo.git import GitError
from t4zoo.zoo.keeping import history
from t4zoo.zoo.keeping.outs import read_outs
from t4zoo.zoo.releasing.lock import LockError, parse_lock

# Taken from the text, whatever it is the name of: a name too many keeps an object too many, and loses nothing.
_MD5 = re.compile(rb"(?<![0-9a-f])([0-9a-f]{32})(?![0-9a-f])(\.dir)?")
_NAMING = (":(glob)**/dvc.lock", ":(glob)**/*.dvc")


@dataclass(frozen=True)
class Here:
    """named: md5 (with `.dir` of a list) of all objects. refusals: why this clone cannot tell what is needed.

    notes: what a person should know.
    """

    named: frozenset[str]
    refusals: tuple[str, ...]
    notes: tuple[str, ...]


def look(root: Path, ask: bool = True) -> Here:
    """Look through all of git's past and the working trees. ask: the remotes too, whether all was fetched."""
    texts = [text for _, text in history.blobs(root, _blobs(root))]
    texts += [path.read_bytes() for path in _working_files(root)]
    refusals, notes = _tips(root)
    refusals += _working(root)
    if history.is_shallow(root):
        refusals.append("this clone is shallow, and does not know older commits; `git fetch --unshallow --tags`")
    if ask:
        refusals += _unfetched(root)
    return Here(frozenset(named_in(texts)), tuple(refusals), tuple(notes))


def named_in(texts: Iterable[bytes]) -> Iterator[str]:
    """All md5 in these texts, with the `.dir` that follows some."""
    for text in texts:
        for match in _MD5.finditer(text):
            yield (match[1] + (match[2] or b"")).decode()


def _blobs(root: Path) -> set[str]:
    """Ids of all blobs that ever were a dvc.lock or .dvc file, or are so in the index of git."""
    commits = git.run(root, "rev-list", "--all", "--reflog")
    # By every commit against each of its parents: a history that is simplified, or a blob that is listed once under
    # another name, would hide some.
    how = ["--stdin", "-r", "-m", "--root", "--no-renames", "--no-commit-id", "--raw", "--no-abbrev", "-z"]
    command = ["git", "-C", str(root), "diff-tree", *how, "--", *_NAMING]
    done = subprocess.run(command, input=commits.encode(), capture_output=True)  # noqa: S603
    if done.returncode:
        raise GitError(f"{root}: git diff-tree: {done.stderr.decode(errors='replace').strip()}")
    records = [field.split() for field in done.stdout.split(b"\0") if field.startswith(b":")]
    found = {record[3].decode() for record in records}
    staged = git.run(root, "ls-files", "-z", "--stage", "--", *_NAMING).split("\0")
    found |= {entry.split()[1] for entry in staged if entry}
    return {blob for blob in found if set(blob) != {"0"}}  # 0: it was removed there


def _working_files(root: Path) -> list[Path]:
    """As they stand now, committed or not, in every working tree of this repository."""
    lines = git.run(root, "worktree", "list", "--porcelain").splitlines()
    trees = [Path(line.removeprefix("worktree ")) for line in lines if line.startswith("worktree ")]
    found = []
    for tree in trees:
        if tree.is_dir():
            names = git.run(tree, "ls-files", "-z", "--cached", "--others", "--", *_NAMING).split("\0")
            found += [tree / name for name in names if name and (tree / name).is_file()]
    return sorted(set(found))


def _tips(root: Path) -> tuple[list[str], list[str]]:
    """Locks at branches and tags that cannot be read, or no longer name all that they did."""
    lines = git.run(root, "for-each-ref", "--format=%(objectname) %(*objectname) %(refname)").splitlines()
    refs: dict[str, list[str]] = {}
    for line in lines:
        *ids, ref = line.split()
        refs.setdefault(ids[-1], []).append(ref)
    locks = history.locks_at(root, refs)
    outs = read_outs(root, locks.values())
    refusals: list[str] = []
    notes: list[str] = []
    for commit, lock in sorted(locks.items(), key=lambda item: refs[item[0]]):
        where = refs[commit][0].removeprefix("refs/").removeprefix("heads/")
        if outs[lock].problem:
            refusals.append(f"{where}: {outs[lock].problem}")
        for out in outs[lock].outs:
            if out.md5 is None:
                what = f"{where}: dvc.lock has lost the md5 of {out.path} (`files: []`)"
                tagged = all(ref.startswith("refs/tags/") for ref in refs[commit])
                (notes if tagged else refusals).append(what if tagged else f"{what}; bring back an earlier dvc.lock")
    return refusals, notes


def _working(root: Path) -> list[str]:
    refusals = []
    for path in _working_files(root):
        if path.name == history.LOCK:
            try:
                lost = [out.path for out in parse_lock(path.read_bytes(), str(path)).outs if out.md5 is None]
            except LockError as error:
                refusals.append(str(error))
                continue
            refusals += [f"{path}: has lost the md5 of {name} (`files: []`); `git checkout dvc.lock`" for name in lost]
    return refusals


def _unfetched(root: Path) -> list[str]:
    """Branches and tags of remotes whose commits this clone does not have: what they name, nobody here knows."""
    refusals = []
    for remote in git.run(root, "remote").split():
        try:
            lines = git.run(root, "ls-remote", "--heads", "--tags", remote).splitlines()
        except GitError as error:
            refusals.append(f"{error}: {remote} cannot be asked for its branches; remove it if it is no more")
            continue
        tips = {ref: commit for commit, ref in (line.split("\t") for line in lines)}
        here = history.known(root, tips.values())
        if missing := sorted(ref for ref, commit in tips.items() if commit not in here):
            refusals.append(f"{remote} has {missing[0]}, and this clone has not; `git fetch --all --tags`")
    return refusals
