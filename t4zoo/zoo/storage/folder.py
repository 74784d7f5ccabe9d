"""A folder that can be read: in S3, or behind a plain web server. Everything that only reads the zoo takes this."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from t4zoo.errors import T4zooError
from t4zoo.zoo.address import Address

if TYPE_CHECKING:
    from t4zoo.zoo.storage.s3 import Description

CHUNK = 1 << 20  # bytes held at once while streaming
_TRIES = 4  # of a transfer that breaks off

Answer = TypeVar("Answer")

OnRequest = Callable[
    [str, str], None
]  # (method, URL without query) of each request before it is sent, retries included


class FolderError(T4zooError):
    """The folder cannot be reached, or refuses to be read or written."""


class AwayError(FolderError):
    """Whatever is asked for, nobody answers; or nobody can sign."""


class BrokenTransferError(FolderError):
    """A transfer that stopped before its end; trying again may help."""


class DeniedError(FolderError):
    """Access denied. S3 answers so too when an object is not there, to a reader who may not list."""


class NotListedError(FolderError):
    """A folder whose files can be read by name, and not listed."""


class OutOfRangeError(FolderError):
    """The object ends before the first byte that was asked for."""


@dataclass(frozen=True)
class Entry:
    """An object in a listing: its path below the folder, size in bytes, and the server's entity tag.

    modified: when it was written, ISO 8601 by the server's clock; "" from a server that does not say.
    """

    path: str
    size: int
    etag: str
    modified: str = field(default="", compare=False)


@dataclass(frozen=True)
class Body:
    """An object being read. size: bytes that will come, where the server says so. etag: without quotes, "" if none.

    start: the place in the object of the first byte that comes: 0 from a server that does not know ranges.
    """

    size: int | None
    etag: str
    chunks: Iterator[bytes]
    start: int = 0

    def digest(self) -> tuple[str, int]:
        """sha256 and number of the bytes that come; reads them all."""
        sha256, size = hashlib.sha256(), 0
        for chunk in self.chunks:
            sha256.update(chunk)
            size += len(chunk)
        return sha256.hexdigest(), size


class Folder(Protocol):
    """What can be read; paths are relative to `address` and use slashes."""

    address: Address

    @property
    def requests(self) -> int:
        """Sent so far, retries included."""

    def open(
        self, path: str, unless: str | None = None, start: int = 0, end: int | None = None
    ) -> AbstractContextManager[Body | None]:
        """The object's body, None where there is no such object; raises Unchanged if its etag is `unless`.

        start, end: ask for these bytes alone, `end` not among them. A server may send all the same: see `Body.start`.
        """

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """All objects whose path begins with `prefix`."""


class Writable(Folder, Protocol):
    """What can be written too: small objects, each only where none is, or in the place of the one that was read."""

    def create(self, path: str, content: bytes, description: Description) -> bool:
        """Write a new object; False, and nothing changed, if there is one."""

    def replace(self, path: str, content: bytes, etag: str, description: Description) -> bool:
        """Write in the place of the object with this entity tag; False, and nothing changed, if that is not there."""


class Unchanged(Exception):  # noqa: N818  (an answer, no error)
    """The object has the entity tag that the caller knows, so that no byte was sent."""


def persistently(act: Callable[[], Answer]) -> Answer:
    """Do what can be done again from its start, again when its transfer breaks off; raises the last error."""
    for attempt in range(_TRIES - 1):
        try:
            return act()
        except BrokenTransferError:
            time.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311  (so that parallel readers part)
    return act()


def read(folder: Folder, path: str, limit: int) -> bytes | None:
    """A small object whole, None where there is no such object; raises FolderError above `limit` bytes."""
    found = read_tagged(folder, path, limit)
    return found[0] if found else None


def read_tagged(folder: Folder, path: str, limit: int) -> tuple[bytes, str] | None:
    """As `read`, with the object's entity tag, by which what was read can be replaced."""
    return persistently(lambda: _read(folder, path, limit))


def _read(folder: Folder, path: str, limit: int) -> tuple[bytes, str] | None:
    with folder.open(path) as body:
        if body is None:
            return None
        content = bytearray()
        for chunk in body.chunks:
            content += chunk
            if len(content) > limit:
                raise FolderError(
                    f"{folder.address.url_of(path)}: larger than {limit} bytes, which such a file never is"
                )
        return bytes(content), body.etag


def open_folder(address: Address, on_request: OnRequest | None = None) -> Folder:
    """The reader for an address: S3's own protocol for `s3://`, this machine's disk, plain HTTP otherwise."""
    if address.is_local:
        from t4zoo.zoo.storage.disk import DiskFolder

        return DiskFolder(address)
    if address.bucket is None:
        from t4zoo.zoo.storage.web import WebFolder

        return WebFolder(address, on_request)
    from t4zoo.zoo.storage.signed import SignedFolder

    return SignedFolder(address, on_request)


def open_writable(address: Address, on_request: OnRequest | None = None) -> Writable:
    """The writer for an address: S3 or this machine's disk. Raises UsageError for a web server's, which only serves."""
    if address.is_local:
        from t4zoo.zoo.storage.disk import DiskFolder

        return DiskFolder(address)
    from t4zoo.zoo.storage.s3 import S3Folder

    return S3Folder(address, on_request)
