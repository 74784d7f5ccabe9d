"""The files of one commit, those that DVC tracks at it, and the newest tag that has a file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import yaml

from t4zoo.zoo import git
from t4zoo.zoo.address import cache_folder
from t4zoo.zoo.git import GitError
from t4zoo.zoo.keeping import history
from t4zoo.zoo.releasing.lock import LockError, Out, expand, key_of, parse_lock

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


class Commit:
    """A repository as it is at a commit. name: as the person gave it; raises GitError where git knows no such one."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        try:
            wanted = f"{name}^{{commit}}"
            self.id = git.run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted).strip()
        except GitError:
            cure = "`git fetch --tags` may bring it"
            raise GitError(f"{name}: no tag, branch or commit of this repository; {cure}") from None

    def read(self, path: str) -> bytes | None:
        """A file's bytes, or None where the commit has no such file."""
        return git.show(self.root, self.id, path)

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none where the commit has no such folder."""
        listed = git.run(self.root, "ls-tree", "-z", "--name-only", self.id, "--", f"{folder}/").split("\0")
        return sorted(name.rpartition("/")[2] for name in listed if name)

    def files_in(self, folder: str) -> dict[str, tuple[str | None, Path | None]]:
        """The files that DVC tracks right in this folder at this commit: name -> md5, and where DVC's cache has it.

        None where the cache does not have it. Empty where DVC tracks nothing there, or where the cache lacks the list
        of a tracked folder.
        """
        return self._tracked.get(folder, {})

    @cached_property
    def _tracked(self) -> dict[str, dict[str, tuple[str | None, Path | None]]]:
        found: dict[str, dict[str, tuple[str | None, Path | None]]] = {}
        for out in self._outs():
            try:
                files = expand(out, self._object)
            except (OSError, LockError):
                continue
            for file in files:
                folder, _, name = file.path.rpartition("/")
                place = self._cache / key_of(file.md5)
                found.setdefault(folder, {})[name] = file.md5, place if place.is_file() else None
        return found

    @cached_property
    def _cache(self) -> Path:
        return cache_folder(self.root)

    def _object(self, md5: str) -> bytes:
        return (self._cache / key_of(md5)).read_bytes()

    def _outs(self) -> Iterator[Out]:
        lock = self.read(history.LOCK)
        if lock is not None:
            yield from parse_lock(lock, f"{history.LOCK} of {self.name}").outs
        listed = git.run(self.root, "ls-tree", "-r", "-z", self.id).split("\0")
        rows = [line.partition("\t") for line in listed if line.endswith(".dvc")]
        blobs = {path: head.split()[2] for head, _, path in rows}
        texts = dict(history.blobs(self.root, blobs.values()))
        for path, blob in sorted(blobs.items()):
            yield from _outs_of(path, texts[blob])


def _outs_of(path: str, text: bytes) -> Iterator[Out]:
    """What a .dvc file tracks; a file that DVC did not write has nothing to say here."""
    try:
        outs = [(str(out["path"]), out["md5"]) for out in yaml.safe_load(text)["outs"] if "md5" in out]
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, TypeError):
        return
    for name, md5 in outs:
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        if isinstance(md5, str) and _MD5.fullmatch(md5) and not place.startswith(".."):
            yield Out(path, place, md5, None)


class Tags:
    """The tags that HEAD came from, the newest first: a tag is newer than those of the commits before its own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def _newest_first(self) -> list[tuple[str, str]]:
        """Tag and commit. Of several tags of one commit, one: its files are the same."""
        how = ["--topo-order", "--simplify-by-decoration", "--decorate-refs=refs/tags", "--format=%H%x09%D"]
        lines = (line.partition("\t") for line in git.run(self.root, "log", *how, "HEAD").splitlines())
        return [(said.split(", ")[0].removeprefix("tag: "), commit) for commit, _, said in lines if "tag: " in said]

    def last(self, path: str) -> tuple[str, bytes] | None:
        """The newest tag whose commit has this file, and the file's bytes there; None where no tag has it."""
        having = history.blobs_at(self.root, (commit for _, commit in self._newest_first), path)
        for name, commit in self._newest_first:
            if commit in having:
                return name, next(content for _, content in history.blobs(self.root, [having[commit]]))
        return None


def last_tagged(root: Path) -> Callable[[str], tuple[str, bytes] | None] | str:
    """`Tags.last` of this repository, or in words why it cannot be asked."""
    if not git.has_commit(root):
        return "is in no git repository with a commit"
    if history.is_shallow(root):
        return "this clone is shallow and may lack the last tag; `git fetch --unshallow --tags`"
    return Tags(root).last
