"""What git keeps of a repository: all tags, all commits' locks, and what a remote has. One process a question."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from t4zoo.zoo import git
from t4zoo.zoo.git import GitError

LOCK = "dvc.lock"
_BATCH = 500  # blobs that are held at once


@dataclass(frozen=True)
class Tag:
    """commit: that it leads to. message: "" of one that is no object of its own."""

    name: str
    commit: str
    message: str
    is_annotated: bool


def tags(root: Path) -> dict[str, Tag]:
    """All tags of this clone, by name."""
    fields = "%(objecttype)%00%(objectname)%00%(*objectname)%00%(refname:strip=2)%00%(contents)%00%00"
    found = {}
    for record in git.run(root, "for-each-ref", f"--format={fields}", "refs/tags/").split("\0\0\n"):
        if record:
            kind, itself, target, name, message = record.split("\0", 4)
            is_annotated = kind == "tag"
            found[name] = Tag(name, target if is_annotated else itself, message if is_annotated else "", is_annotated)
    return found


def remote_of(root: Path) -> str | None:
    """The remote to ask: `origin`, or the only one."""
    names = git.run(root, "remote").split()
    return "origin" if "origin" in names else names[0] if len(names) == 1 else None


def remote_tags(root: Path) -> dict[str, str] | None:
    """The commits of the remote's tags by name; None without a remote. Raises GitError where it does not answer."""
    remote = remote_of(root)
    if remote is None:
        return None
    found = {}
    for line in git.run(root, "ls-remote", "--tags", remote).splitlines():
        commit, _, name = line.partition("\t")
        found[name.removeprefix("refs/tags/")] = commit
    peeled = {name.removesuffix("^{}"): commit for name, commit in found.items() if name.endswith("^{}")}
    return {**{name: commit for name, commit in found.items() if not name.endswith("^{}")}, **peeled}


def is_shallow(root: Path) -> bool:
    """Whether this clone was cut off somewhere in the past."""
    return git.run(root, "rev-parse", "--is-shallow-repository").strip() == "true"


def known(root: Path, objects: Iterable[str]) -> frozenset[str]:
    """Those of these ids that this clone has."""
    wanted = sorted(set(objects))
    lines = _ask(root, "--batch-check", wanted).decode().splitlines()
    return frozenset(name for name, line in zip(wanted, lines, strict=True) if not line.endswith(" missing"))


def locks_at(root: Path, commits: Iterable[str]) -> dict[str, str]:
    """Commit -> id of its dvc.lock; a commit without one is left out."""
    return blobs_at(root, commits, LOCK)


def blobs_at(root: Path, commits: Iterable[str], path: str) -> dict[str, str]:
    """Commit -> id of the file at that path; a commit without it is left out."""
    wanted = sorted(set(commits))
    lines = _ask(root, "--batch-check", [f"{commit}:{path}" for commit in wanted]).decode().splitlines()
    answers = zip(wanted, (line.split() for line in lines), strict=True)
    return {commit: words[0] for commit, words in answers if words[1:2] == ["blob"]}


def blobs(root: Path, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The bytes of these blobs, in the order of their ids; raises GitError where one is not in this clone."""
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        output, place = _ask(root, "--batch", batch), 0
        for name in batch:
            end = output.index(b"\n", place)
            head = output[place:end].split()
            if len(head) != 3:
                raise GitError(f"{root}: the object {name} is missing; `git fsck` says more")
            place = end + 1 + int(head[2]) + 1
            yield name, output[end + 1 : place - 1]


def _ask(root: Path, mode: str, names: list[str]) -> bytes:
    """What `git cat-file` says of objects, a name a line."""
    if not names:
        return b""
    command = ["git", "-C", str(root), "cat-file", mode]
    done = subprocess.run(command, input="".join(f"{n}\n" for n in names).encode(), capture_output=True)  # noqa: S603
    if done.returncode:
        raise GitError(f"{root}: git cat-file: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
