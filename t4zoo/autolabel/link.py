"""What a pseudo scene shares with the scene that was labelled: relative links to its folders of data."""

from __future__ import annotations

import os
from pathlib import Path

from t4zoo.errors import UsageError
from t4zoo.t4.dataset_list import SPLITS, read_dataset_list
from t4zoo.t4.reader import find_recorded

# DVC passes over a link to a folder, but a link to a file it would take for the file (docs/decisions/).
LINKED = ("data", "map")


def link_data(source: Path, scene: Path) -> None:
    """Link the folders of the scene `source` into `scene`, where it has them and the links are missing."""
    for name in LINKED:
        if (source / name).is_dir() and not (scene / name).is_dir():
            (scene / name).unlink(missing_ok=True)  # a link that leads nowhere
            (scene / name).symlink_to(path_between(scene, source / name), target_is_directory=True)


def path_between(folder: Path, goal: Path) -> str:
    """The relative path from `folder` to `goal` that stays right when a folder that holds both is moved.

    Links on the way to `goal` below that folder stay in it, so that they may be turned elsewhere.
    """
    ends = [os.path.normpath(path.absolute()) for path in (folder, goal)]
    holder = Path(os.path.commonpath(ends))
    return os.path.relpath(holder.resolve() / os.path.relpath(ends[1], holder), folder.resolve())


def link_again(pseudo: Path, data_root: Path) -> int:
    """Give the pseudo scenes of a folder their links back, which no DVC cache or remote holds; how many scenes.

    data_root: where the scenes that were labelled are. Raises UsageError for a folder that holds no pseudo scenes,
    ReadError where a scene that was labelled is missing.
    """
    lists = sorted(pseudo.glob("*.yaml"))
    datasets = [read_dataset_list(pseudo, path.stem) for path in lists]
    count = 0
    for dataset in datasets:
        for scene in [scene for split in SPLITS for scene in dataset.splits[split] if dataset.data_of]:
            link_data(find_recorded(data_root / str(dataset.data_of) / scene.id, scene.revision), pseudo / scene.key)
            count += 1
    if not count:
        raise UsageError(f"{pseudo}: no pseudo scenes here; name a folder like pseudo_t4dataset/20241101_xx1")
    return count
