"""Where the scenes are below a path: a scene, a T4 id with its revisions, a dataset's folder, or a whole data root."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from t4zoo.errors import UsageError
from t4zoo.scene_files import far_scenes

DEEPEST = 7  # folders below a path: {root}/{dataset}/{T4 id}/{revision}/intermediate_artifacts/{kind}/{name}
SENSORS = ("LIDAR_", "CAM_", "RADAR_")  # what the folders of a scene's data/ begin with


def find_scenes(paths: Iterable[Path]) -> list[Path]:
    """The folders of all scenes at or below the paths, sorted, each once. Raises UsageError where there is none."""
    found: dict[str, Path] = {}
    for path in paths:
        if not path.is_dir() and not far_scenes(path):
            reason = "is no folder" if path.exists() else "does not exist"
            raise UsageError(f"{path}: {reason}; name a scene, a dataset's folder or a data root")
        scenes = list(_below(path, 0, set()))
        if not scenes:
            raise UsageError(f"{path}: no scene is here or below; a scene is a folder that holds annotation/")
        for scene in scenes:
            found.setdefault(os.path.realpath(scene), scene)
    return sorted(found.values())


def _below(folder: Path, depth: int, seen: set[str]) -> Iterator[Path]:
    far = far_scenes(folder)
    if far is not None:
        yield from far
        return
    real = os.path.realpath(folder)
    if real in seen or depth > DEEPEST:
        return
    seen.add(real)
    folders = _folders(folder)
    if "annotation" in folders or ("data" in folders and _has_sensors(folder / "data")):
        yield folder
        return
    for name in folders:
        yield from _below(folder / name, depth + 1, seen)


def _has_sensors(data: Path) -> bool:
    return any(name.startswith(SENSORS) for name in _folders(data))


def _folders(folder: Path) -> list[str]:
    """The folders in a folder, links to folders too; none where it may not be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry))
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
