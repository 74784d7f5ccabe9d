"""A file that is written whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from t4zoo.errors import UsageError

_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextmanager
def whole(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place at the end, and is gone if the body fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None and error.errno in _OF_DISKS:
            error.filename = str(path)  # which disk it is, nobody says
        raise


def refuse_strangers(folder: Path, own: Iterable[str]) -> None:
    """Raise UsageError when `folder`, about to be replaced, is a file or holds what fits no pattern of `own`."""
    if folder.is_dir():
        patterns = tuple(own)
        for name in sorted(path.name for path in folder.iterdir()):
            if not any(fnmatchcase(name, pattern) for pattern in patterns):
                raise UsageError(f"{folder}: holds {name}, which would be lost: write elsewhere, or remove it")
    elif folder.exists():
        raise UsageError(f"{folder}: is a file, and would be lost: write elsewhere, or remove it")


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Put `text` in the file; it is never seen half written."""
    with whole(path, mode) as temporary:
        temporary.write_text(text, encoding="utf-8")
