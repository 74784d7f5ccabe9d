"""Bytes by their md5: from DVC's cache on this machine where they are, from the store otherwise, checked either way."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.zoo.manifest import md5_digest
from t4zoo.zoo.releasing.lock import key_of
from t4zoo.zoo.storage.folder import CHUNK, Unchanged, persistently, read
from t4zoo.zoo.storage.s3 import S3Folder

SMALL = 64 * 1024**2  # bytes of the largest object that is read whole: lists of files, metrics, statistics


class ObjectError(T4zooError):
    """An object that is nowhere, or holds other bytes than its name says."""


class MissingObjectError(ObjectError):
    """An object that is not where it should be."""


@dataclass(frozen=True)
class Stored:
    """An object that the store holds whole: its size in bytes, digests, and the entity tag that pins it."""

    md5: str
    sha256: str
    size: int
    etag: str


@dataclass(frozen=True)
class _Digests:
    md5: str
    sha256: str
    size: int


class Objects:
    """The cache of one repository and the store behind it."""

    def __init__(self, cache: Path, store: S3Folder) -> None:
        """cache: DVC's cache folder, which may be empty or missing."""
        self.cache = cache
        self.store = store

    def read(self, md5: str) -> bytes:
        """A small object whole, such as a `.dir` list; raises ObjectError where no copy has the bytes of its name."""
        local = self.cache / key_of(md5)
        wanted = md5.removesuffix(".dir")
        if local.is_file() and local.stat().st_size <= SMALL:
            content = local.read_bytes()
            if md5_digest(content) == wanted:
                return content
        remote = read(self.store, key_of(md5), SMALL)
        if remote is None:
            raise MissingObjectError(f"{self.url(md5)} is not in the store")
        if md5_digest(remote) != wanted:
            raise ObjectError(f"{self.url(md5)} holds other bytes: md5 {md5_digest(remote)}")
        return remote

    def check(self, md5: str) -> Stored:
        """Make sure that the store holds the object whole, in one request; raises ObjectError or MissingObjectError.

        An object stored in one piece has its md5 as entity tag, and the server's word is proof. Any other is read.
        """
        local = _digests_of(self.cache / key_of(md5))
        known = local if local and local.md5 == md5 else None
        try:
            found, etag = persistently(lambda: self._read_whole(md5, unless=md5 if known else None))
        except Unchanged:
            assert known is not None  # noqa: S101  (asked for only then)
            return Stored(md5, known.sha256, known.size, md5)
        if found.md5 != md5:
            raise ObjectError(f"{self.url(md5)} holds other bytes: md5 {found.md5}")
        return Stored(md5, found.sha256, found.size, etag)

    def _read_whole(self, md5: str, unless: str | None) -> tuple[_Digests, str]:
        with self.store.open(key_of(md5), unless) as body:
            if body is None:
                raise MissingObjectError(f"{self.url(md5)} is not in the store")
            return _digests(body.chunks), body.etag

    def bring(self, md5: str, target: Path) -> None:
        """A file of the object's bytes at `target`, whatever its size; raises ObjectError."""
        local = self.cache / key_of(md5)
        found = _digests_of(local)
        if found and found.md5 == md5:
            shutil.copyfile(local, target)
            return
        if persistently(lambda: self._download(md5, target)) != md5:
            raise ObjectError(f"{self.url(md5)} holds other bytes")

    def _download(self, md5: str, target: Path) -> str:
        with self.store.open(key_of(md5)) as body, target.open("wb") as file:
            if body is None:
                raise MissingObjectError(f"{self.url(md5)} is not in the store")
            digest = hashlib.md5(usedforsecurity=False)
            for chunk in body.chunks:
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def url(self, md5: str) -> str:
        """The object's readable address in the store."""
        return self.store.address.url_of(key_of(md5))


def _digests_of(path: Path) -> _Digests | None:
    try:
        with path.open("rb") as file:
            return _digests(iter(lambda: file.read(CHUNK), b""))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def _digests(chunks: Iterable[bytes]) -> _Digests:
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    for chunk in chunks:
        md5.update(chunk)
        sha256.update(chunk)
        size += len(chunk)
    return _Digests(md5.hexdigest(), sha256.hexdigest(), size)
