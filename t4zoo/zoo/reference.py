"""What a person or a configuration writes to name a version or one of its files, in any of its spellings."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from t4zoo.errors import UsageError
from t4zoo.zoo.version import (
    AUTO_LABEL,
    INFO,
    AutoLabelSet,
    InfoVersion,
    ModelVersion,
    Name,
    VersionError,
    parse_name,
    parse_version,
)

FORMS = "algorithm/model@version, info@version, auto_label/set, zoo://<any of these>/<file>, s3://... or https://..."


class UnknownReferenceError(UsageError):
    """A text that names neither a version nor a URL."""


@dataclass(frozen=True)
class InZoo:
    """A version of the zoo that is configured here, or one file of it."""

    name: Name
    file: str | None


@dataclass(frozen=True)
class AtUrl:
    """A URL. folder: its part up to a version's folder, "" where no part of it is a version. file: what follows."""

    folder: str
    file: str | None


def parse_reference(text: str) -> InZoo | AtUrl:
    """Read any of the FORMS; raises UnknownReferenceError or VersionError with the forms otherwise."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return InZoo(parse_name(text), None)
    if scheme == "zoo":
        return _in_zoo(text, rest)
    if scheme in ("s3", "http", "https"):
        return _at_url(text)
    raise UnknownReferenceError(f"{text!r}: {scheme}:// is not known here; write {FORMS}")


def _in_zoo(text: str, rest: str) -> InZoo:
    if "@" in rest:
        return InZoo(parse_name(rest), None)
    parts = rest.strip("/").split("/")
    if len(parts) > 1 and parts[0] in (INFO, AUTO_LABEL):
        name: Name = InfoVersion(parse_version(parts[1])) if parts[0] == INFO else AutoLabelSet(parts[1])
        return InZoo(name, "/".join(parts[2:]) or None)
    if len(parts) < 3:
        raise UnknownReferenceError(f"{text!r} names no version; write zoo://algorithm/model/version[/file]")
    algorithm, model, version, *file = parts
    return InZoo(ModelVersion(algorithm, model, parse_version(version)), "/".join(file) or None)


def _at_url(text: str) -> AtUrl:
    if urlsplit(text).query or urlsplit(text).fragment:
        return AtUrl("", text)
    head, _, path = text.partition("://")
    parts = path.split("/")
    for index in range(len(parts) - 1, 0, -1):
        if _is_version(unquote(parts[index])) or _is_set(unquote(parts[index - 1]), unquote(parts[index])):
            file = "/".join(parts[index + 1 :]).strip("/")
            return AtUrl(f"{head}://{'/'.join(parts[: index + 1])}", unquote(file) or None)
    return AtUrl("", text)


def _is_set(above: str, text: str) -> bool:
    try:
        return above == AUTO_LABEL and bool(AutoLabelSet(text))
    except VersionError:
        return False


def _is_version(text: str) -> bool:
    try:
        parse_version(text)
    except VersionError:
        return False
    return True
