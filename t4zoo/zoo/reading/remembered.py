"""A zoo in which a version that was pulled before is found without asking: versions do not change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from t4zoo.zoo.address import Address
from t4zoo.zoo.manifest import FILE_NAME, LIMIT, NOTICE_NAME
from t4zoo.zoo.reading import cache
from t4zoo.zoo.storage.folder import (
    Body,
    BrokenTransferError,
    DeniedError,
    Entry,
    Folder,
    FolderError,
    Unchanged,
)

_KEPT = {FILE_NAME: False, NOTICE_NAME: True}  # name -> whether it is remembered too that there is none
_KIND = "zoo"


class Remembered:
    """Reads `source`, but what describes a version from this machine's cache, once `keep` has put it there.

    refresh: ask the source all the same, and keep its new answer. checked: ask it by entity tag, which moves no byte
    where nothing has changed; where it does not answer, `unasked` says why, and the cache is believed.
    """

    def __init__(self, source: Folder, refresh: bool = False, checked: bool = False) -> None:
        self.address = source.address
        self.unasked = ""
        self._source = source
        self._refresh = refresh
        self._checked = checked
        self._seen: dict[str, tuple[bytes | None, str]] = {}
        self._recalled: set[str] = set()

    @property
    def requests(self) -> int:
        """Sent so far, retries included."""
        return self._source.requests

    @contextmanager
    def open(
        self, path: str, unless: str | None = None, start: int = 0, end: int | None = None
    ) -> Iterator[Body | None]:
        """See `Folder.open`."""
        known = path.rpartition("/")[2] in _KEPT and unless is None and not start and end is None
        if known and not self._refresh and (before := self._recall(path)) is not None:
            content, etag = self._ask_after(path, *before) if self._checked else before
            yield None if content is None else Body(len(content), etag, iter([content]))
            return
        with self._source.open(path, unless, start, end) as body:
            yield self._notice(path, body) if known else body

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """See `Folder.list`."""
        return self._source.list(prefix)

    def keep(self) -> None:
        """Remember what was read of versions; called when a version is here and sound."""
        for path, (content, etag) in self._seen.items():
            name = path.rpartition("/")[2]
            if content is not None or _KEPT[name]:
                sha256 = None if content is None else cache.keep(content, name)
                cache.note(_KIND, self._key(path), {"url": self.address.url_of(path), "sha256": sha256, "etag": etag})

    def forget(self) -> None:
        """Drop what was recalled, for it led to files that are not there or are others."""
        for path in self._recalled:
            cache.forget(_KIND, self._key(path))

    def _recall(self, path: str) -> tuple[bytes | None, str] | None:
        data = cache.noted(_KIND, self._key(path))
        if "sha256" not in data:
            return None
        sha256, etag = data["sha256"], data.get("etag") or ""
        kept = cache.find(sha256, path.rpartition("/")[2]) if sha256 else None
        if sha256 and kept is None:
            return None
        self._recalled.add(path)
        return (kept.read_bytes() if kept else None), etag

    def _ask_after(self, path: str, content: bytes | None, etag: str) -> tuple[bytes | None, str]:
        """What the source has now."""
        try:
            with self._source.open(path, (etag or None) if content is not None else None) as body:
                now = self._notice(path, body)
                return (None, "") if now is None else (next(iter(now.chunks), b""), now.etag)
        except Unchanged:
            pass
        except BrokenTransferError:
            raise
        except FolderError as error:
            # Where nothing was, one who may not list is told that it is denied.
            if content is not None or not isinstance(error, DeniedError):
                self.unasked = str(error)
        return content, etag

    def _notice(self, path: str, body: Body | None) -> Body | None:
        if body is None:
            self._seen[path] = (None, "")
            return None
        content, chunks = b"", iter(body.chunks)
        for chunk in chunks:
            content += chunk
            if len(content) > LIMIT:  # whoever reads it will refuse it
                return Body(body.size, body.etag, chain([content], chunks))
        self._seen[path] = (content, body.etag)
        return Body(len(content), body.etag, iter([content]))

    def _key(self, path: str) -> str:
        return f"{_server(self.address)} {self.address.url_of(path)}"


def _server(address: Address) -> str:
    """What an s3:// address leaves open: one bucket's name on two servers is two buckets."""
    if address.bucket is None:
        return ""
    from t4zoo.zoo.storage.access import own_server

    return own_server(address.credentials) or ""
