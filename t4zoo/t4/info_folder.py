"""The folder of a product's info files while it is written, piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from t4zoo.folder_swap import swapped_in
from t4zoo.info import Writer, saving
from t4zoo.t4.dataset_list import SPLITS
from t4zoo.t4.piece import Piece
from t4zoo.t4.piece_cache import INDEX


class InfoFolder:
    """Takes pieces, and keeps of each only where it is."""

    def __init__(self, folder: Path, files: Mapping[str, Writer]) -> None:
        self._folder, self._files = folder, files
        self.index: list[dict[str, Any]] = []

    def add(self, splits: Sequence[str], key: str, piece: Piece) -> None:
        """Put the piece into the info files of these splits."""
        place = {"file": f"info_{splits[0]}.pkl", "start": self._files[splits[0]].place, "length": len(piece.frames)}
        for split in splits:
            self._files[split].add_pickled(piece.frames)
        self.index.append({"key": key, **place, **piece.told()})

    def add_text(self, name: str, text: str) -> None:
        """Put a file of its own beside them."""
        (self._folder / name).write_text(text, encoding="utf-8")


@contextmanager
def writing(out: Path, classes: Sequence[str], version: str, extra: dict[str, Any]) -> Iterator[InfoFolder]:
    """A folder with an info file for each split, which takes the place of `out` at the end or never was."""
    with swapped_in(out) as new:
        with ExitStack() as files:
            names = {split: new / f"info_{split}.pkl" for split in SPLITS}
            opened = {
                split: files.enter_context(saving(name, classes, version, extra)) for split, name in names.items()
            }
            folder = InfoFolder(new, opened)
            yield folder
        lines = ",\n".join(json.dumps(row) for row in folder.index)
        folder.add_text(INDEX, f'{{"form": 1, "pieces": [\n{lines}\n]}}\n')
