"""What has a version, how versions are ordered, and the names of what is released: models, info and auto-labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from t4zoo.errors import UsageError

RELEASE = "release"  # the one suffix that is no project's name
INFO, AUTO_LABEL = "info", "auto_label"  # what is released beside models

_NUMBER = r"(0|[1-9][0-9]*)"
_VERSION = re.compile(
    rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-(?:(?P<release>{RELEASE})|(?P<project>[a-z][a-z0-9_-]*)\.(?P<n>0|[1-9][0-9]*)))?",
    re.ASCII,
)
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?", re.ASCII)
_SET = re.compile(r"[0-9]{8}_[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?", re.ASCII)


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

    @property
    def tag(self) -> str:
        """The git tag of this version."""
        return str(self)

    @property
    def series(self) -> str:
        """What all versions of this model share: `CenterPoint/t4base`."""
        return f"{self.algorithm}/{self.model}"


@dataclass(frozen=True, order=True)
class InfoVersion:
    """The info files of all products at one version of the repository, which is their tag: `info@v0.3.0`, `v0.3.0`."""

    version: Version

    def __post_init__(self) -> None:
        if self.version.project is not None or self.version.release:
            raise VersionError(f"info@{self.version}: the version of info is vX.Y.Z alone")

    def __str__(self) -> str:
        return f"{INFO}@{self.version}"

    @property
    def tag(self) -> str:
        """The git tag of this version: the repository's own."""
        return str(self.version)

    @property
    def series(self) -> str:
        """What all versions of info share."""
        return INFO


@dataclass(frozen=True, order=True)
class AutoLabelSet:
    """The auto-labels of one dataset on one day, `auto_label/20241101_xx1`: other thresholds are another set."""

    set: str

    def __post_init__(self) -> None:
        if not _SET.fullmatch(self.set):
            raise VersionError(f"{self.set!r} names no set of auto-labels; write {{day}}_{{dataset}}, as 20241101_xx1")

    def __str__(self) -> str:
        return f"{AUTO_LABEL}/{self.set}"

    @property
    def tag(self) -> str:
        """The git tag of this set."""
        return str(self)

    @property
    def series(self) -> str:
        """A set stands for itself."""
        return str(self)


Name = ModelVersion | InfoVersion | AutoLabelSet


def parse_name(text: str) -> Name:
    """What `algorithm/model@version`, `info@version` or `auto_label/set` names; raises VersionError otherwise."""
    name, at, version = text.partition("@")
    head, slash, model = name.partition("/")
    if slash and not at and head == AUTO_LABEL:
        return AutoLabelSet(model)
    if at and not slash and head == INFO:
        return InfoVersion(parse_version(version))
    if not at or not slash:
        raise VersionError(
            f"{text!r} names no version; write algorithm/model@version (as in CenterPoint/t4base@v1.0.0), "
            f"{INFO}@v0.3.0 or {AUTO_LABEL}/20241101_xx1"
        )
    return ModelVersion(head, model, parse_version(version))


def parse_model(text: str) -> ModelVersion:
    """The model version that `{algorithm}/{model}@{version}` spells; raises VersionError for any other name."""
    name = parse_name(text)
    if not isinstance(name, ModelVersion):
        raise VersionError(f"{text!r} is no version of a model; write algorithm/model@version")
    return name


def order(name: Name) -> tuple[int, str, Name]:
    """A key that sorts names of all sorts: models, then info, then auto-labels; versions of one series by age."""
    rank = (ModelVersion, InfoVersion, AutoLabelSet).index(type(name))
    return rank, name.series.casefold(), name
