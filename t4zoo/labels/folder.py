"""An auto_label folder, opened to be judged: what each model said, and the labels that were made of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from t4zoo.errors import T4zooError, UsageError
from t4zoo.info import Frame, load
from t4zoo.labels.source import SceneBoxes, Source, by_scene, nothing, open_parquet, open_pickle

LABELS = "labels"  # the name of those who are no model
RAW = "pseudo_infos_raw_"
FILTERED, ALL = "pseudo_infos_filtered.pkl", "info_all.pkl"


class FolderError(T4zooError):
    """An auto_label folder whose files are missing or do not belong together."""


@dataclass(frozen=True, eq=False)
class LabelScene(SceneBoxes):
    """The labels of one scene.

    num_lidar_pts: (N,) points inside, -1 where nobody counted. tracks: (N,) the object that each box is.
    """

    num_lidar_pts: NDArray[np.int64]
    tracks: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Folder:
    """raw: what each model said, by its name. labels: without scenes where autolabel has not run."""

    path: Path
    raw: tuple[Source, ...]
    labels: Source

    @cached_property
    def objects(self) -> dict[str, list[Frame]]:
        """The frames of info_all.pkl by scene; none where it is not there. Raises InfoError."""
        file = self.path / ALL
        return by_scene(load(file).frames) if file.is_file() else {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """Everybody who said anything."""
        return (*self.raw, self.labels) if self.labels.scenes else self.raw

    @property
    def scenes(self) -> tuple[str, ...]:
        """Every scene of any file, sorted."""
        return tuple(sorted({scene for source in self.sources for scene in source.scenes}))

    def read_labels(self, scene: str) -> LabelScene:
        """The labels of a scene with their points and tracks. Raises FolderError where the files disagree."""
        found = self.labels.read(scene)
        rows = [frame.instances for frame in self.objects.get(scene, [])]
        points = np.concatenate([np.zeros(0, np.int64), *(row.num_lidar_pts for row in rows)])
        tracks = np.array([name for row in rows for name in row.tokens], dtype=np.str_)
        if not rows:
            points = np.full(len(found.boxes), -1)
            tracks = np.array([name.tobytes().hex() for name in found.boxes.ids], dtype=np.str_)
        if len(points) != len(found.boxes) or len(tracks) != len(found.boxes):
            raise FolderError(
                f"{self.path}: {scene} has {len(found.boxes)} boxes in {FILTERED} and {len(points)} in {ALL}; "
                "run autolabel again, which writes both"
            )
        return LabelScene(scene, found.frames, found.boxes, points, tracks)


def open_folder(path: Path, models: Collection[str] = ()) -> Folder:
    """Open the files of a folder as autolabel leaves it, or as it is pulled from a zoo.

    models: `{algorithm}-{model}` of those whose raw predictions count, all where none is named.
    Raises UsageError for a folder that is none or lacks a named model, and what the files' own readers raise.
    """
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder; name one like auto_label/20241101_xx1")
    raw = _raw_files(path)
    if strange := sorted(set(models) - raw.keys()):
        raise UsageError(f"{path}: no raw predictions of {', '.join(strange)}; here are {', '.join(raw) or 'none'}")
    chosen = {name: file for name, file in raw.items() if not models or name in models}
    filtered = path / FILTERED
    if not chosen and not filtered.is_file():
        raise UsageError(
            f"{path}: holds neither raw/{RAW}*.parquet nor {FILTERED}; `dvc repro` makes them, `dvc pull` or "
            "`t4zoo pull` brings them"
        )
    return Folder(
        path=path,
        raw=tuple(
            open_parquet(name, file) if file.suffix == ".parquet" else open_pickle(name, file)
            for name, file in chosen.items()
        ),
        labels=open_pickle(LABELS, filtered) if filtered.is_file() else nothing(LABELS, filtered),
    )


def _raw_files(path: Path) -> dict[str, Path]:
    """The file of each model; in a zoo they lie in the folder itself."""
    found: dict[str, Path] = {}
    for suffix in (".pkl", ".parquet"):  # the latter wins: it is read scene by scene
        for place in (path, path / "raw"):
            for file in place.glob(f"{RAW}*{suffix}"):
                found[file.name.removeprefix(RAW).removesuffix(suffix)] = file
    return dict(sorted(found.items()))
