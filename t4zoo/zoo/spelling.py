"""Versions as people have spelled them by hand, read as ours: `v1.3`, `2.5.1`, `v2.6.1_quant`, `v20241203`.

Read only when a zoo is adopted, and never written. What could be meant in two ways is refused, with the reason.
"""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import unquote

from t4zoo.zoo.version import RELEASE, Version, VersionError

# Grammar: [v]X.Y[.Z][separator suffix] or [v]YYYYMMDD. Everything after the numbers is the suffix.
_SPELLED = re.compile(r"[vV]?(?P<numbers>[0-9]+(?:\.[0-9]+)+|[0-9]{8})(?P<suffix>[ _.(+-].*)?", re.ASCII | re.DOTALL)
_WORD = re.compile(r"(?P<word>[a-z][a-z0-9_-]*)(?:\.(?P<n>0|[1-9][0-9]*))?", re.ASCII)
_EARLIER = re.compile(r"(?:alpha|beta|rc|pre|dev|draft|wip|snapshot)[0-9]*(?:[_-].*)?", re.ASCII)


class SpellingError(VersionError):
    """A text that spells no version, or one that could be meant in two ways."""


def looks_like_version(text: str) -> bool:
    """Whether a folder of this name was meant as a version, readable or not."""
    return _SPELLED.fullmatch(_plain(text)) is not None


def read_spelling(text: str) -> Version:
    """The version that a person meant; raises SpellingError with the reason where that is not certain.

    vX.Y is vX.Y.0. A date is the X of a version, so that pretrainings are ordered by day. A word behind the numbers is
    a project's name and its number 1: what was made from a version, and is newer than it.
    """
    match = _SPELLED.fullmatch(_plain(text))
    if not match:
        raise SpellingError(f"{text!r} spells no version; versions are vX.Y.Z, and were written as v1.3, 2.5.1")
    x, y, z = _numbers(text, match["numbers"])
    suffix = (match["suffix"] or "").strip(" _.()+-").lower().replace(" ", "_")
    if not suffix:
        if (match["suffix"] or "").strip():
            raise SpellingError(f"{text!r}: ends in the middle of a version")
        return Version(x, y, z)
    if suffix == RELEASE:
        return Version(x, y, z, release=True)
    if _EARLIER.fullmatch(suffix):
        raise SpellingError(f"{text!r}: {suffix} comes before v{x}.{y}.{z}, and a suffix of ours comes after it")
    word = _WORD.fullmatch(suffix)
    if not word or word["word"] == RELEASE:
        raise SpellingError(
            f"{text!r}: {suffix!r} is no name of a project; a suffix is a word and a number, as north.2"
        )
    return Version(x, y, z, word["word"], int(word["n"] or 1))


def _plain(text: str) -> str:
    """Without the escapes of a URL, which end up in names when a link is copied into a shell."""
    return unquote(text).strip()


def _numbers(text: str, numbers: str) -> tuple[int, int, int]:
    parts = numbers.split(".")
    if len(parts) == 1:
        try:
            date.fromisoformat(numbers)
        except ValueError:
            raise SpellingError(f"{text!r}: {numbers} is no day, and so no date of a training") from None
    if any(len(part) > 1 and part[0] == "0" for part in parts):
        raise SpellingError(f"{text!r}: a number with a leading zero could be meant as a decimal")
    if len(parts) > 3:
        raise SpellingError(f"{text!r}: has {len(parts)} numbers, and a version has three")
    x, y, z = (*map(int, parts), 0, 0)[:3]
    return x, y, z
