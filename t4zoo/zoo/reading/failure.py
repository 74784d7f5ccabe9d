"""Why a file could not be brought, in words."""

from __future__ import annotations

import errno
from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.zoo.reading.cache import ENVIRONMENT, cache

FULL = (errno.ENOSPC, errno.EDQUOT)


class FetchError(T4zooError):
    """A file that is missing from its version, is not what the manifest says, or cannot be written here."""


def missing(url: str) -> FetchError:
    """There is none."""
    return FetchError(f"{url}: there is no such file")


def truncated(url: str, found: int, size: int) -> FetchError:
    """It ends too early, and not because the line broke."""
    return FetchError(f"{url}: is truncated: {found} of {size} bytes came")


def other_bytes(url: str, expected: str, found: str) -> FetchError:
    """Its sha256 is not the manifest's."""
    return FetchError(f"{url}: has other bytes than its manifest says ({expected}, not {found})")


def changed(url: str) -> FetchError:
    """Its entity tag became another one, again and again."""
    return FetchError(f"{url}: changed while it was being read; try again")


def unwritable(place: Path, error: OSError) -> FetchError:
    """What the system refused, with the cure that fits."""
    cures = ["make room, or choose another disk"] if error.errno in FULL else []
    cures += [f"{ENVIRONMENT} names another folder"] if place == cache() else []
    return FetchError("; ".join([f"{place}: cannot be written: {error.strerror or error}", *cures]))
