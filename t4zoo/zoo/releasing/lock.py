"""What `dvc.lock` says at a commit: which files each stage made, by md5. Read as the YAML that it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

from t4zoo.errors import T4zooError, in_one_line

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


class LockError(T4zooError):
    """A dvc.lock that is missing or broken."""


@dataclass(frozen=True)
class Out:
    """A file or folder that a stage made. md5: as DVC writes it, with `.dir` for a folder; None if DVC lost it."""

    stage: str
    path: str
    md5: str | None
    size: int | None

    @property
    def is_folder(self) -> bool:
        """Whether its object is a list of files."""
        return self.md5 is not None and self.md5.endswith(".dir")


@dataclass(frozen=True)
class TrackedFile:
    """One file of an out. path: in the workspace. size [bytes]: None inside folders, whose list has no sizes.

    folder: md5 of the `.dir` object that lists it, or None.
    """

    path: str
    md5: str
    size: int | None
    folder: str | None


@dataclass(frozen=True)
class Lock:
    """All stages' outs, the paths that each stage read, the values: stage -> file -> key -> value; and what was run."""

    outs: tuple[Out, ...]
    deps: dict[str, tuple[Out, ...]]
    params: dict[str, dict[str, Any]]
    commands: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def below(self, folder: str) -> list[Out]:
        """Outs that are `folder` or lie in it, by path."""
        return [out for out in self.outs if within(out.path, folder)]

    def holding(self, path: str) -> Out | None:
        """The out that is `path` or the folder that holds it."""
        return next((out for out in self.outs if within(path, out.path)), None)

    def upstream(self, stages: Iterable[str]) -> set[str]:
        """These stages and all that they were made from."""
        reached: set[str] = set()
        queue = list(stages)
        while queue:
            stage = queue.pop()
            if stage in reached:
                continue
            reached.add(stage)
            for dep in self.deps.get(stage, ()):
                queue += [out.stage for out in self.outs if within(dep.path, out.path) or within(out.path, dep.path)]
        return reached


def parse_lock(text: bytes, where: str) -> Lock:
    """Read a dvc.lock; raises LockError with the stage and the cure when it is broken."""
    try:
        data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (safe either way)
        stages: dict[str, Any] = data["stages"]
        outs = tuple(_out(name, item) for name, stage in stages.items() for item in stage.get("outs", []))
        deps = {name: tuple(_out(name, item) for item in stage.get("deps", [])) for name, stage in stages.items()}
        params = {name: dict(stage.get("params") or {}) for name, stage in stages.items()}
        commands = {name: _commands(stage.get("cmd")) for name, stage in stages.items()}
    except (yaml.YAMLError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        words = in_one_line(error)
        raise LockError(f"{where}: not a lock that `dvc repro` wrote ({type(error).__name__}: {words})") from error
    return Lock(tuple(sorted(outs, key=lambda out: out.path)), deps, params, commands)


def expand(out: Out, read: Callable[[str], bytes]) -> list[TrackedFile]:
    """The files of an out; `read` brings the list of a folder by its md5. Raises LockError when that list is broken."""
    if out.md5 is None:
        return []
    if not out.is_folder:
        return [TrackedFile(out.path, out.md5, out.size, None)]
    try:
        rows = json.loads(read(out.md5))
        return [TrackedFile(f"{out.path}/{_inside(row['relpath'])}", _md5(row["md5"]), None, out.md5) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise LockError(f"{out.path}: the list of its files ({out.md5}) is broken: {error}") from error


def key_of(md5: str) -> str:
    """Where DVC keeps an object, in its cache as in a remote."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def _out(stage: str, item: dict[str, Any]) -> Out:
    # A failed push to some kinds of remote leaves `files: []` in place of the md5: the content is then no longer named.
    path, md5 = item["path"], item.get("md5")
    if not isinstance(path, str) or not (md5 is None or (isinstance(md5, str) and _MD5.fullmatch(md5))):
        raise TypeError(f"{stage}: {path!r} has the md5 {md5!r}")
    return Out(stage, path, md5, item.get("size"))


def _commands(cmd: str | list[str] | None) -> tuple[str, ...]:
    return (cmd,) if isinstance(cmd, str) else tuple(map(str, cmd or ()))


def within(path: str, folder: str) -> bool:
    """Whether a path of the workspace is `folder` or lies in it."""
    return path == folder or path.startswith(f"{folder}/")


def _md5(text: str) -> str:
    if not _MD5.fullmatch(text):  # it becomes part of a path
        raise ValueError(f"{text!r} is no md5")
    return text


def _inside(relative: object) -> str:
    if (
        not isinstance(relative, str)
        or not relative
        or relative.startswith("/")
        or ".." in PurePosixPath(relative).parts
    ):
        raise ValueError(f"{relative!r} leads out of its folder")
    return relative
