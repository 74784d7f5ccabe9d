"""Small objects that are read once on a machine: afterwards a listing tells which of them have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from t4zoo.whole import whole
from t4zoo.zoo.manifest import LIMIT
from t4zoo.zoo.reading.cache import cache
from t4zoo.zoo.storage.folder import Entry, Folder, read_tagged

THREADS = 16
_BATCH = 512  # objects that are held at once


def contents(
    folder: Folder, entries: Iterable[Entry], done: Callable[[str], None] = lambda path: None, fresh: bool = False
) -> Iterator[tuple[Entry, bytes | None]]:
    """The bytes of small objects in the order given, None of one that is gone by now; `done` hears of each.

    Kept by URL and entity tag, which a server gives to no other bytes, and checked when they are taken from there.
    fresh: read them from the server all the same.
    """
    waiting = list(entries)

    def one(entry: Entry) -> bytes | None:
        return _content(folder, entry, fresh)

    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(waiting), _BATCH):
            batch = waiting[start : start + _BATCH]
            for entry, content in zip(batch, pool.map(one, batch), strict=True):
                done(entry.path)
                yield entry, content


def _content(folder: Folder, entry: Entry, fresh: bool) -> bytes | None:
    place = _place(folder.address.url_of(entry.path), entry.etag)
    known = _known(place) if entry.etag and not fresh else None
    if known is not None:
        return known
    found = read_tagged(folder, entry.path, LIMIT)
    if found and found[1] and found[1] == entry.etag:  # another, if it was replaced since it was listed
        _keep(place, found[0])
    return found[0] if found else None


def _place(url: str, etag: str) -> Path:
    name = hashlib.sha256(f"{url}\n{etag}".encode()).hexdigest()
    return cache() / "seen" / name[:2] / name


def _known(place: Path) -> bytes | None:
    try:
        digest, _, content = place.read_bytes().partition(b"\n")
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest().encode() == digest else None


def _keep(place: Path, content: bytes) -> None:
    with whole(place) as temporary:
        temporary.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
