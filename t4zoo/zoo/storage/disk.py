"""A folder of this machine with the manners of S3: where manifests are written apart from the files they describe."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from t4zoo.file_md5 import md5_of_file
from t4zoo.whole import whole
from t4zoo.zoo.address import LOCAL, Address
from t4zoo.zoo.storage.folder import CHUNK, Body, Entry, OutOfRangeError, Unchanged

if TYPE_CHECKING:
    from t4zoo.zoo.storage.s3 import Description


class DiskFolder:
    """Files below `address`, read and conditionally written by one process at a time. Sends no requests."""

    requests = 0

    def __init__(self, address: Address) -> None:
        """The folder need not be there yet."""
        self.address = address
        self._root = Path(address.url.removeprefix(LOCAL))

    @contextmanager
    def open(
        self, path: str, unless: str | None = None, start: int = 0, end: int | None = None
    ) -> Iterator[Body | None]:
        """See `Folder.open`; the entity tag is the md5."""
        file = self._root / path
        if not file.is_file():
            yield None
            return
        etag, size = md5_of_file(file), file.stat().st_size
        if etag == unless:
            raise Unchanged
        if start > size or (start and start == size):
            raise OutOfRangeError(f"{self.address.url_of(path)}: ends before its byte {start}")
        stop = size if end is None else min(end, size)
        yield Body(stop - start, etag, _chunks(file, start, stop), start)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """See `Folder.list`."""
        top = self._root / prefix.rpartition("/")[0]
        files = (path for path in top.rglob("*") if path.is_file()) if top.is_dir() else ()
        for name, path in sorted((path.relative_to(self._root).as_posix(), path) for path in files):
            if name.startswith(prefix):
                yield Entry(name, path.stat().st_size, md5_of_file(path))

    def create(self, path: str, content: bytes, description: Description) -> bool:
        """See `Writable.create`."""
        file = self._root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
            Path(temporary).chmod(0o644)
            file.hardlink_to(temporary)  # refuses an existing name, and is whole at once
        except FileExistsError:
            return False
        finally:
            Path(temporary).unlink()
        return True

    def replace(self, path: str, content: bytes, etag: str, description: Description) -> bool:
        """See `Writable.replace`."""
        file = self._root / path
        if not file.is_file() or md5_of_file(file) != etag:
            return False
        with whole(file) as temporary:
            temporary.write_bytes(content)
        return True


def _chunks(file: Path, start: int, stop: int) -> Iterator[bytes]:
    with file.open("rb") as content:
        content.seek(start)
        while start < stop and (chunk := content.read(min(CHUNK, stop - start))):
            start += len(chunk)
            yield chunk
