"""Pieces that were made before: in a folder of this machine, and in the info files that are here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from t4zoo.t4.cache_bound import note_use
from t4zoo.t4.piece import Piece, piece_of
from t4zoo.whole import whole

INDEX = "pieces.json"  # beside info files: where in them the piece of each key is


@dataclass(frozen=True)
class PieceCache:
    """folder: of this machine, None to keep nothing. infos: folders of info files, with or without an index.

    What is found is compared with its digest, so that a damaged piece is made anew.
    """

    folder: Path | None
    infos: tuple[Path, ...] = ()

    def find(self, key: str) -> Piece | None:
        """The piece of this key."""
        return self._kept(key) or self._written(key)

    def keep(self, key: str, piece: Piece) -> None:
        """Put the piece into the folder, if there is one."""
        if self.folder is not None:
            with whole(self._place(self.folder, key)) as temporary, temporary.open("wb") as file:
                file.write(json.dumps(piece.told()).encode() + b"\n")
                file.write(piece.frames)

    def _kept(self, key: str) -> Piece | None:
        if self.folder is None:
            return None
        try:
            with self._place(self.folder, key).open("rb") as file:
                found = piece_of(json.loads(file.readline()), file.read())
        except (OSError, ValueError, RecursionError):
            return None
        note_use(self._place(self.folder, key))
        return found

    def _written(self, key: str) -> Piece | None:
        """From an info file: what `dvc pull` brings of those that others made."""
        told = next((index[key] for folder in self.infos if key in (index := _index_of(folder))), None)
        if told is None:
            return None
        try:
            with Path(told["path"]).open("rb") as file:
                file.seek(told["start"])
                return piece_of(told, file.read(told["length"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def _place(folder: Path, key: str) -> Path:
        return folder / key[:2] / key


def _index_of(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        found = (folder / INDEX).stat()
    except OSError:
        return {}
    return _read_index(folder, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=64)
def _read_index(folder: Path, mtime: int, inode: int) -> dict[str, dict[str, Any]]:
    """mtime, inode: tell an index from the one before it."""
    try:
        rows = json.loads((folder / INDEX).read_bytes())["pieces"]
        return {str(row["key"]): row | {"path": str(folder / row["file"])} for row in rows}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
