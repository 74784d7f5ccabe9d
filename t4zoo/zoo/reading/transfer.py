"""Bring one object into the cache: checked by its sha256 while it comes, and named only when it is whole."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from t4zoo.whole import whole
from t4zoo.zoo.manifest import ManifestFile
from t4zoo.zoo.reading import cache
from t4zoo.zoo.reading.alone import alone
from t4zoo.zoo.reading.failure import changed, missing, other_bytes, truncated, unwritable
from t4zoo.zoo.reading.partial import ChangedError, Partial
from t4zoo.zoo.reading.ranges import OnBytes, fill
from t4zoo.zoo.storage.folder import Body, Folder, persistently

RESUMABLE = 8 * 1024**2  # bytes; a smaller file is brought from its start again after a kill

Begin = Callable[[str, int | None], AbstractContextManager[OnBytes]]  # (name, bytes if known), when bytes are to come


def silently(name: str, size: int | None) -> AbstractContextManager[OnBytes]:
    """Begin without telling anybody."""
    return nullcontext(lambda count: None)


def obtain(source: Folder, path: str, file: ManifestFile, begin: Begin = silently) -> Path:
    """The file of a manifest in the cache, brought from `path` of `source` unless it is there already.

    Raises FetchError when it is missing or its bytes are not the manifest's.
    """
    name = file.path.rpartition("/")[2]
    try:
        found = cache.find(file.sha256, name)
        if found:
            return found
        if file.size < RESUMABLE:
            with begin(name, file.size) as on_bytes:
                return _bring_small(source, path, file, cache.place(file.sha256, name), on_bytes)
        with alone(cache.partial(file.sha256)) as beginning:
            found = cache.find(file.sha256, name)  # brought by another process, for which this one waited
            if found:
                return found
            with begin(name, file.size) as on_bytes:
                return _bring_large(source, path, file, cache.place(file.sha256, name), beginning, on_bytes)
    except OSError as error:
        raise unwritable(cache.cache(), error) from error


def obtain_unknown(
    source: Folder, path: str, name: str, unless: str | None, begin: Begin = silently
) -> tuple[Path, str, str]:
    """An object that no manifest names: its place in the cache, where it gets `name`, its sha256 and entity tag.

    Raises FetchError where there is none, Unchanged where it still has the entity tag `unless`.
    """
    try:
        return persistently(lambda: _bring_unknown(source, path, name, unless, begin))
    except OSError as error:
        raise unwritable(cache.cache(), error) from error


def _bring_small(source: Folder, path: str, file: ManifestFile, to: Path, on_bytes: OnBytes) -> Path:
    url = source.address.url_of(path)

    def once() -> tuple[str, int]:
        with source.open(path) as body:
            if body is None:
                raise missing(url)
            return _write(body, temporary, on_bytes, file.size)

    with whole(to, cache.READ_ONLY) as temporary:
        sha256, size = persistently(once)
        if size < file.size:
            raise truncated(url, size, file.size)
        if sha256 != file.sha256:
            raise other_bytes(url, file.sha256, sha256)
    return to


def _write(body: Body, to: Path, on_bytes: OnBytes, limit: int | None = None) -> tuple[str, int]:
    """sha256 and number of the bytes written; ends soon after `limit` bytes."""
    found, size = hashlib.sha256(), 0
    with to.open("wb") as out:
        for chunk in body.chunks:
            out.write(chunk)
            found.update(chunk)
            size += len(chunk)
            on_bytes(len(chunk))
            if limit is not None and size > limit:
                break
    return found.hexdigest(), size


def _bring_large(source: Folder, path: str, file: ManifestFile, to: Path, at: Path, on_bytes: OnBytes) -> Path:
    url = source.address.url_of(path)
    with Partial(at, file.size) as partial:
        # What an earlier process left may be at fault, so it is thrown away once; what came just now is not.
        attempts = 2 if partial.written else 1
        for _ in range(attempts):
            sha256 = _fill_or_clear(source, path, partial, file.sha256, on_bytes)
            if sha256 == file.sha256:
                partial.become(to, cache.READ_ONLY)
                return to
    raise other_bytes(url, file.sha256, sha256) if sha256 else changed(url)


def _fill_or_clear(source: Folder, path: str, partial: Partial, expected: str, on_bytes: OnBytes) -> str:
    """The sha256 of what came, "" where the object changed meanwhile; nothing is left where it is not `expected`."""
    try:
        sha256 = fill(source, path, partial, on_bytes)
    except ChangedError:
        sha256 = ""
    if sha256 != expected:
        partial.clear()
    return sha256


def _bring_unknown(source: Folder, path: str, name: str, unless: str | None, begin: Begin) -> tuple[Path, str, str]:
    with source.open(path, unless) as body:
        if body is None:
            raise missing(source.address.url_of(path))
        size, etag = body.size, body.etag
        if size is None or size < RESUMABLE or not etag:
            return *_bring_body(body, name, begin), etag
    url = source.address.url_of(path)
    key = hashlib.sha256(f"{url} {etag} {size}".encode()).hexdigest()
    with alone(cache.partial(key)) as beginning, Partial(beginning, size) as partial, begin(name, size) as on_bytes:
        try:
            partial.pin(etag)
            sha256 = fill(source, path, partial, on_bytes)
        except ChangedError:
            partial.clear()
            raise changed(url) from None
        place = cache.place(sha256, name)
        partial.become(place, cache.READ_ONLY)
    return place, sha256, etag


def _bring_body(body: Body, name: str, begin: Begin) -> tuple[Path, str]:
    folder = cache.partial("")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch, begin(name, body.size) as on_bytes:
        temporary = Path(scratch) / "body"
        sha256, _ = _write(body, temporary, on_bytes)
        place = cache.place(sha256, name)
        with whole(place, cache.READ_ONLY) as named:
            temporary.replace(named)
    return place, sha256
