"""Which version a hand-filled folder is: from its path alone, by rules that a person can overrule one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from string import Formatter

from t4zoo.errors import UsageError
from t4zoo.zoo.spelling import looks_like_version, read_spelling
from t4zoo.zoo.version import AUTO_LABEL, INFO, AutoLabelSet, InfoVersion, ModelVersion, Name, parse_name

MODELS = "models"  # the folder that a zoo keeps its models in

_FIELDS = {"algorithm", "model", "version"}
_ANYTHING = "project"  # the one field that a layout may have besides, and that no name keeps


class NamingError(UsageError):
    """Rules that cannot be understood, or a folder that they give no name."""


@dataclass(frozen=True)
class Place:
    """A folder that holds a version. spelling: what its version is called there."""

    folder: str
    algorithm: str
    model: str
    spelling: str


@dataclass(frozen=True)
class Rules:
    """layout: of folders, as `models/{project}/{algorithm}/{model}/{version}`; None finds versions at any depth.

    renames: a word of a path -> the word that is meant. names: a folder -> its name. skipped: patterns of folders.
    """

    layout: re.Pattern[str] | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Name] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    @staticmethod
    def of(layout: str | None, renames: Iterable[str], names: Iterable[str], skipped: Iterable[str]) -> Rules:
        """From the options of a command, `OLD=NEW` and `FOLDER=NAME`; raises NamingError or VersionError."""
        named = {folder.strip("/"): parse_name(name) for folder, name in pairs("--name", names).items()}
        skip = tuple(pattern.strip("/") for pattern in skipped)
        return Rules(_compile(layout) if layout else None, pairs("--rename", renames), named, skip)

    def place(self, folders: Sequence[str]) -> Place | None:
        """The version's folder among the folders that lead to a file; None where none spells a version.

        Raises NamingError for a folder that does, with nothing above it to be its algorithm and its model.
        """
        named = next((path for path in _above(folders) if path in self.names), None)
        if named is not None:
            return Place(named, "", "", named.rpartition("/")[2])
        if self.layout:
            match = next((found for path in _above(folders) if (found := self.layout.fullmatch(path))), None)
            return Place(match.string, match["algorithm"], match["model"], match["version"]) if match else None
        return _find(folders)

    def name(self, place: Place) -> Name:
        """The name of what lies there; raises VersionError with the reason why it has none."""
        if place.folder in self.names:
            return self.names[place.folder]
        if place.algorithm == AUTO_LABEL:
            return AutoLabelSet(self._word(place.spelling))
        version = read_spelling(self._word(place.spelling))
        if place.algorithm == INFO:
            return InfoVersion(version)
        return ModelVersion(self._word(place.algorithm), self._word(place.model), version)

    def skips(self, folder: str) -> bool:
        """Whether a person wants the folder left out."""
        return any(fnmatchcase(folder, pattern) for pattern in self.skipped)

    def _word(self, text: str) -> str:
        return self.renames.get(text, text)


def pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """Of texts `KEY=VALUE`; raises NamingError for any other, and for two of the same key."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.rpartition("=")
        if not (key and equals and value) or found.get(key, value) != value:
            raise NamingError(f"{option} {text!r}: write {option} OLD=NEW, each OLD once")
        found[key] = value
    return found


def _find(folders: Sequence[str]) -> Place | None:
    if len(folders) > 1 and folders[0] == AUTO_LABEL:
        return Place("/".join(folders[:2]), AUTO_LABEL, "", folders[1])
    if len(folders) > 1 and folders[0] == INFO and looks_like_version(folders[1]):
        return Place("/".join(folders[:2]), INFO, "", folders[1])
    top = 1 if folders[:1] == [MODELS] else 0
    spelled = [index for index, word in enumerate(folders) if looks_like_version(word)]
    at = next((index for index in spelled if index - top >= 2), None)
    if at is not None:
        return Place("/".join(folders[: at + 1]), folders[at - 2], folders[at - 1], folders[at])
    if spelled:
        folder = "/".join(folders[: spelled[0] + 1])
        raise NamingError("has no algorithm and model above it; " + cure(folder))
    return None


def cure(folder: str) -> str:
    """How a person names a folder that the rules do not."""
    return f"--name '{folder}=algorithm/model@vX.Y.Z' names it"


def _above(folders: Sequence[str]) -> Iterable[str]:
    return ("/".join(folders[:depth]) for depth in range(1, len(folders) + 1))


def _compile(layout: str) -> re.Pattern[str]:
    try:
        found = [name for _, name, _, _ in Formatter().parse(layout) if name is not None]
    except ValueError:  # a brace without its twin
        found = []
    if set(found) - {_ANYTHING} != _FIELDS or len(found) != len(set(found)):
        raise NamingError(
            f"--layout {layout!r}: must have {{algorithm}}, {{model}}, {{version}}, and may have {{project}}, each once"
        )
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(layout.strip("/"))))
