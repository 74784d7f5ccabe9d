"""Each file of a hand-filled zoo read once, to know its digests; remembered by its entity tag, so never read again."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.zoo.keeping.adopting.archive import TAIL, members
from t4zoo.zoo.storage.folder import BrokenTransferError, Entry, Folder, persistently

THREADS = 8
OnBytes = Callable[[int], None]


class DigestError(T4zooError):
    """A file that is gone, or that changed while it was read."""


@dataclass(frozen=True)
class Digests:
    """In hex. members: the files in a zip; None of any other file, and of a zip that cannot be listed."""

    sha256: str
    md5: str
    members: tuple[str, ...] | None = None


class Record:
    """Digests that are known of the files of one zoo: a line of JSON a file, added as soon as it was read."""

    def __init__(self, folder: Path, url: str) -> None:
        """folder: where records are kept. url: of the zoo. What an interrupted run left half written is passed over."""
        self._path = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.jsonl"
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, int], Digests] = {}
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines() if self._path.is_file() else []
        for line in lines:
            self._learn(line)

    def get(self, entry: Entry) -> Digests | None:
        """The digests of this object, if it was read while it had this entity tag."""
        return self._known.get((entry.path, entry.etag, entry.size)) if entry.etag else None

    def put(self, entry: Entry, digests: Digests) -> None:
        """Remember what was read."""
        data = {"path": entry.path, "etag": entry.etag, "size": entry.size, **vars(digests)}
        line = "\n" + json.dumps(data, ensure_ascii=True)  # first the end of a line that was cut short
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as out:
                out.write(line)
            self._learn(line)

    def _learn(self, line: str) -> None:
        try:
            data = json.loads(line)
            key = (str(data["path"]), str(data["etag"]), int(data["size"]))
            names = data["members"]
            self._known[key] = Digests(data["sha256"], data["md5"], None if names is None else tuple(names))
        except (ValueError, KeyError, TypeError):
            return


def read_digests(
    source: Folder, entries: Iterable[Entry], record: Record, on_bytes: OnBytes = lambda count: None
) -> dict[str, Digests]:
    """Digests by path; reads what the record does not know. Raises DigestError, and FolderError.

    on_bytes: hears how many bytes came, and of those that need not come.
    """

    def one(entry: Entry) -> tuple[str, Digests]:
        known = record.get(entry)
        if known is None:
            known = persistently(lambda: _read(source, entry, on_bytes))
            record.put(entry, known)
        else:
            on_bytes(entry.size)
        return entry.path, known

    with ThreadPoolExecutor(THREADS) as pool:
        try:
            return dict(pool.map(one, entries))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else it would read all the rest before it told
            raise


def _read(source: Folder, entry: Entry, on_bytes: OnBytes) -> Digests:
    url = source.address.url_of(entry.path)
    with source.open(entry.path) as body:
        if body is None:
            raise DigestError(f"{url}: is listed and cannot be found; was it removed just now? Adopt again")
        if body.etag != entry.etag:
            raise DigestError(f"{url}: was written anew while the zoo was read; adopt again when nobody writes to it")
        sha256, md5, size, tail = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0, b""
        for chunk in body.chunks:
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
            tail = (tail + chunk)[-TAIL:] if entry.path.endswith(".zip") else b""
            on_bytes(len(chunk))
    if size != entry.size:
        raise BrokenTransferError(f"{url}: {size} of {entry.size} bytes came")
    return Digests(sha256.hexdigest(), md5.hexdigest(), members(tail, size) if entry.path.endswith(".zip") else None)
