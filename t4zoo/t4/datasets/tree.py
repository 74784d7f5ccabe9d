"""The files of a repository as they are at one moment: in its working tree, or (t4zoo/zoo/commit.py) at a commit."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

Stored = tuple[str | None, Path | None]  # a file's md5, where it is known; where its bytes are, None where they are not


class Tree(Protocol):
    """Paths are relative to the repository, with `/`. name: what a person calls this moment."""

    @property
    def name(self) -> str:
        """What a person calls this moment."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes, or None where there is no such file."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none where there is no such folder."""

    def files_in(self, folder: str) -> dict[str, Stored]:
        """The data files right in a folder, by name; empty where nothing is known of them."""


class WorkingTree:
    """The files that lie in `root` now."""

    name = "the working tree"

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str) -> bytes | None:
        """See `Tree`."""
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def names(self, folder: str) -> list[str]:
        """See `Tree`."""
        place = self.root / folder
        return sorted(path.name for path in place.iterdir()) if place.is_dir() else []

    def files_in(self, folder: str) -> dict[str, Stored]:
        """See `Tree`."""
        place = self.root / folder
        return {path.name: (None, path) for path in sorted(place.iterdir()) if path.is_file()} if place.is_dir() else {}
