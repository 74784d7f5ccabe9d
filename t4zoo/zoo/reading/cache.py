"""What was fetched before, kept on this machine: each file by its sha256, and looked at again before it is handed on.

Files in it are read-only, since a pulled folder may share them: docs/decisions/what-a-pull-leaves-on-disk.md. All of
it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from t4zoo.whole import whole, write_whole

ENVIRONMENT = "T4ZOO_CACHE"
READ_ONLY = 0o444
LONGEST = 120  # characters of a kept file's name

_UNSAFE = re.compile(r"[/\\\x00-\x1f]")


def cache() -> Path:
    """Where fetched files are kept: T4ZOO_CACHE, or t4zoo in the user's own cache folder."""
    named = os.environ.get(ENVIRONMENT)
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else (Path(base) if base else Path.home() / ".cache") / "t4zoo"


def place(sha256: str, name: str) -> Path:
    """Where a file with these bytes and this name is kept. The name may be a stranger's: it never leads elsewhere."""
    harmless = _UNSAFE.sub("_", name)[-LONGEST:].lstrip(".") or "file"
    return cache() / "sha256" / sha256[:2] / sha256 / harmless


def partial(key: str) -> Path:
    """Where the beginnings of a large file lie until it is whole. key: its sha256, or that of what it is known by."""
    return cache() / "partial" / key


def find(sha256: str, name: str) -> Path | None:
    """The file if it is kept whole; one that was changed is thrown away, and one of another name gets this name too."""
    wanted = place(sha256, name)
    if _is_sound(wanted, sha256):
        return wanted
    others = sorted(wanted.parent.iterdir()) if wanted.parent.is_dir() else []
    for other in others:
        if not other.name.startswith(".") and other.is_file() and _is_sound(other, sha256):
            with whole(wanted, READ_ONLY) as temporary:
                temporary.unlink()
                os.link(other, temporary)
            return wanted
    return None


def keep(content: bytes, name: str) -> str:
    """Keep a small file; its sha256."""
    sha256 = hashlib.sha256(content).hexdigest()
    if find(sha256, name) is None:
        with whole(place(sha256, name), READ_ONLY) as temporary:
            temporary.write_bytes(content)
    return sha256


def note(kind: str, key: str, data: dict[str, str | None]) -> None:
    """Write down what is known of `key`, a text that only its sha256 is kept of."""
    write_whole(_note(kind, key), json.dumps(data))


def noted(kind: str, key: str) -> dict[str, str | None]:
    """What was written down; empty where nothing was, or it cannot be read."""
    try:
        data = json.loads(_note(kind, key).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def forget(kind: str, key: str) -> None:
    """Remove what was written down."""
    _note(kind, key).unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _note(kind: str, key: str) -> Path:
    return cache() / kind / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _is_sound(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    if sha256_of(path) == sha256:
        return True
    path.unlink(missing_ok=True)
    return False
