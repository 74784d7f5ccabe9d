"""What a version is and how versions are ordered; `CenterPoint/t4base@v1.0.0` names one version of one model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from t4zoo.errors import UsageError

RELEASE = "release"  # the one suffix that is no project's name

_NUMBER = r"(0|[1-9][0-9]*)"
_VERSION = re.compile(
    rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-(?:(?P<release>{RELEASE})|(?P<project>[a-z][a-z0-9_-]*)\.(?P<n>0|[1-9][0-9]*)))?",
    re.ASCII,
)
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?", re.ASCII)


class VersionError(UsageError):
    """A version or a model's name that breaks the grammar."""


@total_ordering
@dataclass(frozen=True)
class Version:
    """`vX.Y.Z`, `vX.Y.Z-{project}.{n}` (newer than vX.Y.Z) or `vX.Y.Z-release` (beside vX.Y.Z: just above it).

    Not semantic versioning, in which a suffix makes a version older.
    """

    x: int
    y: int
    z: int
    project: str | None = None
    n: int | None = None
    release: bool = False

    def __post_init__(self) -> None:
        halves = (self.project is None) != (self.n is None) or (self.release and self.project is not None)
        if halves or self.project == RELEASE or not _VERSION.fullmatch(str(self)):
            raise VersionError(f"{self} is no version; write vX.Y.Z, vX.Y.Z-project.1 or vX.Y.Z-{RELEASE}")

    def __str__(self) -> str:
        suffix = f"-{self.project}.{self.n}" if self.project is not None else f"-{RELEASE}" if self.release else ""
        return f"v{self.x}.{self.y}.{self.z}{suffix}"

    def __lt__(self, other: object) -> bool:
        return self._key() < other._key() if isinstance(other, Version) else NotImplemented

    def _key(self) -> tuple[int, int, int, int, str, int]:
        kind = 2 if self.project is not None else 1 if self.release else 0
        return self.x, self.y, self.z, kind, self.project or "", self.n or 0


def parse_version(text: str) -> Version:
    """The version that `text` spells; raises VersionError with the grammar otherwise."""
    match = _VERSION.fullmatch(text)
    if not match or match["project"] == RELEASE:
        raise VersionError(
            f"{text!r} is no version; write vX.Y.Z, vX.Y.Z-project.1 or vX.Y.Z-{RELEASE} (as in v1.0.0, v1.2.3-north.2)"
        )
    x, y, z = (int(part) for part in match.groups()[:3])
    n = int(match["n"]) if match["n"] else None
    return Version(x, y, z, match["project"], n, match["release"] is not None)


@dataclass(frozen=True, order=True)
class ModelVersion:
    """One released version of one model: its tag in git, and its folder in the zoo."""

    algorithm: str
    model: str
    version: Version

    def __post_init__(self) -> None:
        for word in (self.algorithm, self.model):
            if not _WORD.fullmatch(word):
                raise VersionError(f"{word!r} cannot name an algorithm or a model; use letters, digits, '-' and '_'")

    def __str__(self) -> str:
        return f"{self.algorithm}/{self.model}@{self.version}"


def parse_name(text: str) -> ModelVersion:
    """The model version that `{algorithm}/{model}@{version}` spells; raises VersionError otherwise."""
    name, at, version = text.partition("@")
    algorithm, slash, model = name.partition("/")
    if not at or not slash:
        raise VersionError(
            f"{text!r} names no version of a model; write algorithm/model@version (as in CenterPoint/t4base@v1.0.0)"
        )
    return ModelVersion(algorithm, model, parse_version(version))
