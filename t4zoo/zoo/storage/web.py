"""A folder behind a plain web server: GET, and a listing where that server is an open S3 bucket. No credentials."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

import urllib3

from t4zoo.zoo.address import Address, listing_address
from t4zoo.zoo.storage.folder import CHUNK, Body, BrokenTransferError, Entry, FolderError, OnRequest, Unchanged

_LISTING_LIMIT = 16 * 1024**2  # bytes of one page of a listing: a thousand names are far below


class WebFolder:
    """Files below an `http(s)://` URL; safe to share between threads."""

    def __init__(self, address: Address, on_request: OnRequest | None = None) -> None:
        """Connect lazily: nothing is sent yet."""
        self.address = address
        self.requests = 0
        self._on_request = on_request
        self._lock = threading.Lock()
        retries = urllib3.Retry(
            total=4, redirect=5, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504), raise_on_status=False
        )
        timeout = urllib3.Timeout(connect=10, read=60)
        self._pool = urllib3.PoolManager(maxsize=16, retries=retries, timeout=timeout)

    def _get(self, url: str, headers: dict[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        with self._lock:
            self.requests += 1
        if self._on_request:
            self._on_request("GET", url.partition("?")[0])
        try:
            return self._pool.request("GET", url, headers=headers, preload_content=False)
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise FolderError(f"{url}: cannot be reached ({type(reason).__name__}); is the address right?") from error

    @contextmanager
    def open(self, path: str, unless: str | None = None) -> Iterator[Body | None]:
        """See `Folder.open`."""
        url = self.address.url_of(quote(path))
        # Compressed transfer would make the length, and with it a truncation, invisible.
        headers = {"Accept-Encoding": "identity", **({"If-None-Match": f'"{unless}"'} if unless else {})}
        answer = self._get(url, headers)
        try:
            if answer.status == 304:
                raise Unchanged
            if answer.status == 404:
                yield None
                return
            if answer.status != 200:
                raise FolderError(f"{url}: the server answered {answer.status} {answer.reason or ''}".rstrip())
            length = answer.headers.get("Content-Length")
            etag = answer.headers.get("ETag", "").removeprefix("W/").strip('"')
            yield Body(int(length) if length else None, etag, self._chunks(answer, url))
        finally:
            # What was read to its end goes back to the pool; the rest of an unread body is not worth waiting for.
            answer.close()

    @staticmethod
    def _chunks(answer: urllib3.BaseHTTPResponse, url: str) -> Iterator[bytes]:
        try:
            yield from answer.stream(CHUNK)
        except urllib3.exceptions.HTTPError as error:
            raise BrokenTransferError(f"{url}: the connection broke ({type(error).__name__})") from error

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """See `Folder.list`; raises FolderError where the server is no S3 bucket that anyone may list."""
        base, folder = listing_address(self.address)
        start = f"{folder}/" if folder else ""
        token = ""
        while True:
            query = {"list-type": "2", "prefix": start + prefix, **({"continuation-token": token} if token else {})}
            root = self._page(f"{base}?{urlencode(query)}")
            name = root.tag.removesuffix("ListBucketResult")  # the XML namespace, which servers spell differently
            for item in root.iter(f"{name}Contents"):
                key = item.findtext(f"{name}Key", "")
                size, etag = item.findtext(f"{name}Size", "0"), item.findtext(f"{name}ETag", "")
                yield Entry(key.removeprefix(start), int(size), etag.strip('"'))
            token = root.findtext(f"{name}NextContinuationToken", "")
            if not token:
                return

    def _page(self, url: str) -> ElementTree.Element:
        answer = self._get(url)
        try:
            text = answer.read(_LISTING_LIMIT)
        finally:
            answer.close()
        try:
            # Entities are the danger in foreign XML; a listing has no use for a document type at all.
            root = None if answer.status != 200 or b"<!DOCTYPE" in text else ElementTree.fromstring(text)  # noqa: S314
        except ElementTree.ParseError:
            root = None
        if root is None or not root.tag.endswith("ListBucketResult"):
            host = urlsplit(url).netloc
            raise FolderError(
                f"{self.address.url}: {host} does not list its files to everyone (it answered {answer.status}); "
                "name the version to be read, or give the zoo as s3://bucket/prefix"
            )
        return root
