"""A folder that can be read: in S3, or behind a plain web server. Everything that only reads the zoo takes this."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from t4zoo.errors import T4zooError
from t4zoo.zoo.address import Address

CHUNK = 1 << 20  # bytes held at once while streaming

OnRequest = Callable[
    [str, str], None
]  # (method, URL without query) of each request before it is sent, retries included


class FolderError(T4zooError):
    """The folder cannot be reached, or refuses to be read or written."""


class BrokenTransferError(FolderError):
    """A transfer that stopped before its end; trying again may help."""


@dataclass(frozen=True)
class Entry:
    """An object in a listing: its path below the folder, size in bytes, and the server's entity tag."""

    path: str
    size: int
    etag: str


@dataclass(frozen=True)
class Body:
    """An object being read. size: bytes that will come, where the server says so. etag: without quotes, "" if none."""

    size: int | None
    etag: str
    chunks: Iterator[bytes]

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
    requests: int  # sent so far, retries included

    def open(self, path: str, unless: str | None = None) -> AbstractContextManager[Body | None]:
        """The object's body, None where there is no such object; raises Unchanged if its etag is `unless`."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """All objects whose path begins with `prefix`."""


class Unchanged(Exception):  # noqa: N818  (an answer, no error)
    """The object has the entity tag that the caller knows, so that no byte was sent."""


def read(folder: Folder, path: str, limit: int) -> bytes | None:
    """A small object whole, None where there is no such object; raises FolderError above `limit` bytes."""
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
        return bytes(content)


def open_folder(address: Address, on_request: OnRequest | None = None) -> Folder:
    """The reader for an address: S3's own protocol for `s3://`, plain HTTP otherwise."""
    if address.bucket is None:
        from t4zoo.zoo.storage.web import WebFolder

        return WebFolder(address, on_request)
    from t4zoo.zoo.storage.s3 import S3Folder

    return S3Folder(address, on_request)
