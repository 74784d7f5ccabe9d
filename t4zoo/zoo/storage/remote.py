"""What reading a plain web server and reading S3 have in common: bodies, ranges, pages of listings."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3

from t4zoo.zoo.address import Address
from t4zoo.zoo.storage import listing
from t4zoo.zoo.storage.folder import (
    Body,
    BrokenTransferError,
    Entry,
    FolderError,
    OutOfRangeError,
    Unchanged,
    persistently,
)
from t4zoo.zoo.storage.http import Answer, Http

CHUNK = 256 * 1024  # bytes held at once: what stays in a processor's own memory between the socket and the file

_ERROR_LIMIT = 64 * 1024  # bytes of an error's text that are looked at
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(?:\d+|\*)")


class RemoteFolder(ABC):
    """A folder behind HTTP; safe to share between threads."""

    def __init__(self, address: Address, http: Http) -> None:
        self.address = address
        self._http = http

    @property
    def requests(self) -> int:
        """Sent so far, retries and redirects included."""
        return self._http.requests

    @abstractmethod
    def _get(self, path: str, headers: dict[str, str]) -> Answer:
        """Ask for the file `path`."""

    @abstractmethod
    def _get_page(self, query: str) -> Answer:
        """Ask for a page of the listing of all."""

    @abstractmethod
    def _root(self) -> str:
        """What the keys of a listing begin with before the paths of this folder do."""

    @abstractmethod
    def _absent(self, status: int, text: bytes) -> bool:
        """Whether a refusal says that there is no such file."""

    @abstractmethod
    def _refusal(self, path: str, answer: Answer, text: bytes) -> FolderError:
        """The error that an answer is, other than that there is no such file."""

    @abstractmethod
    def _unlisted(self, prefix: str, answer: Answer, text: bytes) -> FolderError:
        """The error that an answer is which is no page of a listing."""

    @contextmanager
    def open(
        self, path: str, unless: str | None = None, start: int = 0, end: int | None = None
    ) -> Iterator[Body | None]:
        """See `Folder.open`."""
        # Compressed transfer would make the length, and with it a truncation, invisible.
        headers = {"Accept-Encoding": "identity"}
        if unless is not None:
            headers["If-None-Match"] = f'"{unless}"'
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        answer = self._get(path, headers)
        try:
            yield self._body(path, answer, start)
        finally:
            # What was read to its end goes back to the pool; the rest of an unread body is not worth waiting for.
            answer.close()

    def _body(self, path: str, answer: Answer, start: int) -> Body | None:
        url = self.address.url_of(path)
        if answer.status not in (200, 206):
            text = _text(answer)
            if answer.status == 304:
                raise Unchanged
            if answer.status == 416:
                raise OutOfRangeError(f"{url}: ends before its byte {start}")
            if answer.status in (404, 410) and self._absent(answer.status, text):
                return None
            raise self._refusal(path, answer, text)
        begins = 0
        if answer.status == 206:
            found = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
            if not found or int(found[1]) != start:
                raise FolderError(f"{url}: the server sends other bytes than those from {start} on that were asked for")
            begins = start
        length = answer.headers.get("Content-Length", "")
        etag = answer.headers.get("ETag", "").removeprefix("W/").strip('"')
        return Body(int(length) if length.isdigit() else None, etag, _chunks(answer, url), begins)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """See `Folder.list`; one request a thousand objects."""
        root, token = self._root(), ""
        while True:
            page = persistently(lambda token=token: self._page(prefix, token))  # type: ignore[misc]
            for entry in page.entries:
                yield Entry(entry.path.removeprefix(root), entry.size, entry.etag, entry.modified)
            token = page.token
            if not token:
                return

    def _page(self, prefix: str, token: str) -> listing.Page:
        answer = self._get_page(listing.query(self._root() + prefix, token))
        try:
            text = _text(answer, listing.LIMIT)
        finally:
            answer.close()
        page = listing.parse(text) if answer.status == 200 else None
        if page is not None:
            return page
        if answer.status == 200 and listing.is_cut(text):
            raise BrokenTransferError(f"{self.address.url_of(prefix)}: the listing broke off")
        raise self._unlisted(prefix, answer, text)


def _text(answer: Answer, limit: int = _ERROR_LIMIT) -> bytes:
    try:
        return answer.read(limit, decode_content=False)
    except urllib3.exceptions.HTTPError:
        return b""


def _chunks(answer: Answer, url: str) -> Iterator[bytes]:
    try:
        # As it was stored: an object that says of itself that it is compressed has its sha256 as it is.
        while chunk := answer.read(CHUNK, decode_content=False):
            yield chunk
    except urllib3.exceptions.HTTPError as error:
        raise BrokenTransferError(f"{url}: the connection broke ({type(error).__name__})") from error
