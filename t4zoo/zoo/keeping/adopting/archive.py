"""What a zip file holds, told from its last bytes alone: names are listed, and nothing is ever unpacked."""

from __future__ import annotations

import io
import zipfile

TAIL = 256 * 1024  # bytes of the end of a file that are looked at: the list of some 2,500 files
MOST = 1000  # names that are kept


class _End(io.RawIOBase):
    """A file of which only the end is here; the rest cannot be read."""

    def __init__(self, tail: bytes, size: int) -> None:
        self._tail, self._start, self._size, self._at = tail, size - len(tail), size, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        begin = self._at - self._start
        if begin < 0:
            raise zipfile.BadZipFile("its list of files is longer than what is here")
        found = self._tail[begin:] if size < 0 else self._tail[begin : begin + size]
        self._at += len(found)
        return found


def members(tail: bytes, size: int) -> tuple[str, ...] | None:
    """Names of the files in a zip of `size` bytes that ends in `tail`, sorted; None where they cannot be told."""
    try:
        with zipfile.ZipFile(_End(tail, size)) as archive:
            names = [item.filename for item in archive.infolist() if not item.is_dir()]
    except Exception:  # a stranger's bytes: zipfile has no one error for them
        return None
    return tuple(sorted(names)) if len(names) <= MOST else None
