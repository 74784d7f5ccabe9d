"""The tables of a scene that is far, on this disk for as long as they are judged."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from t4zoo.scene_files import contents_of, is_scene, source_of


@contextmanager
def near(folder: Path) -> Iterator[Path]:
    """The scene's folder; for one that is far, a folder of the same name that holds its tables. Raises FarFileError."""
    far = source_of(folder)
    if far is None or not is_scene(folder):
        yield folder
        return
    paths = [folder / name for name in sorted(far[0].files(far[1])) if _is_table(name)]
    with tempfile.TemporaryDirectory(prefix="t4zoo-") as temporary:
        here = Path(temporary) / folder.parent.name / folder.name
        (here / "annotation").mkdir(parents=True)
        for path, content in zip(paths, contents_of(paths), strict=True):
            (here / "annotation" / path.name).write_bytes(content)
        yield here


def _is_table(name: str) -> bool:
    return name.startswith("annotation/") and name.count("/") == 1
