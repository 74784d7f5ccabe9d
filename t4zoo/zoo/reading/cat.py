"""One file of a version as a stream of bytes that are the manifest's, or an error."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from t4zoo.errors import UsageError
from t4zoo.zoo.manifest import ManifestFile
from t4zoo.zoo.reading import cache
from t4zoo.zoo.reading.failure import missing, other_bytes, truncated
from t4zoo.zoo.reading.locate import Located, Where, file_of, locate
from t4zoo.zoo.reading.transfer import RESUMABLE, obtain
from t4zoo.zoo.storage.folder import CHUNK, BrokenTransferError

_TRIES = 5  # of a line that breaks without a byte in between


def named(version: str, path: str | None, where: Where) -> tuple[Located, ManifestFile]:
    """The file `path` of a version, or the one that the reference itself ends in.

    Raises UsageError where none or two are named, ManifestError with the paths that there are.
    """
    located = locate(version, where)
    if (located.file is None) == (path is None):
        raise UsageError(f"{version}: name one file: `t4zoo cat {located.released.name} FILE`, or zoo://.../FILE")
    return (located, located.file) if located.file else (located, file_of(located.released, str(path)))


def stream(located: Located, file: ManifestFile) -> Iterator[bytes]:
    """The bytes of a file; raises FetchError when they are not the manifest's.

    A small file is checked before its first byte is given, and kept; a large one at its end, so that nothing of what
    was given may be trusted when this raises.
    """
    name = file.path.rpartition("/")[2]
    kept = cache.find(file.sha256, name)
    if kept is None and file.size < RESUMABLE:
        kept = obtain(located.files, located.path(file), file)
    if kept is None:
        yield from _stream(located, file)
        return
    with kept.open("rb") as body:
        while chunk := body.read(CHUNK):
            yield chunk


def _stream(located: Located, file: ManifestFile) -> Iterator[bytes]:
    url = located.files.address.url_of(located.path(file))
    sha256, size, left = hashlib.sha256(), 0, _TRIES
    while True:
        try:
            for chunk in _from(located, file, size):
                sha256.update(chunk)
                size += len(chunk)
                left = _TRIES
                if size > file.size:
                    raise other_bytes(url, file.sha256, "that of a longer file")
                yield chunk
            break
        except BrokenTransferError:
            left -= 1
            if not left:
                raise
    if size < file.size:
        raise truncated(url, size, file.size)
    if sha256.hexdigest() != file.sha256:
        raise other_bytes(url, file.sha256, sha256.hexdigest())


def _from(located: Located, file: ManifestFile, start: int) -> Iterator[bytes]:
    """The bytes from `start` on, whether the server knows ranges or not."""
    with located.files.open(located.path(file), start=start) as body:
        if body is None:
            raise missing(located.files.address.url_of(located.path(file)))
        skip = start - body.start
        for chunk in body.chunks:
            if len(chunk) > skip:
                yield chunk[skip:]
            skip = max(0, skip - len(chunk))
