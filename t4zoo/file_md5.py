"""The md5 of a file: the name of its bytes to DVC and, of an object that came in one part, to S3."""

from __future__ import annotations

import hashlib
from pathlib import Path


def md5_of_file(path: Path) -> str:
    """In hex. Raises OSError."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
