"""One scene's piece of an info file: its frames as the file has them, what they hold, and what they were made from."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import t4zoo
from t4zoo.info import pickled, pickling_for
from t4zoo.pickling import Pickling
from t4zoo.scene_files import bring, content_of, is_file, stamps_of
from t4zoo.t4.datasets.counting import SceneCount, count_scene
from t4zoo.t4.frames import FrameSettings, convert
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import place_of, scene_of

# The modules that decide what a piece holds: when one of them changes, every piece is made anew. A test holds this list
# to what is imported.
CODE = (
    "errors", "geometry", "info", "pickled_columns", "pickling", "points", "scene_files", "t4/columns",
    "t4/datasets/counting", "t4/frames", "t4/instances", "t4/key_frames", "t4/labels", "t4/merge", "t4/piece",
    "t4/places", "t4/reader", "t4/records", "t4/tables", "t4/velocity", "unpickle", "whole",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """What decides a scene's piece apart from its tables.

    folder: of its tables. files: where its clouds are, which may be another's folder. dataset: the list that it is in.
    home: the folder of the data root that its paths begin with.
    """

    folder: Path
    files: Path
    dataset: str
    home: str
    city: str
    vehicle_type: str
    settings: FrameSettings
    settled: str  # `settings_digest` of these
    labels: LabelMap  # those of the settings
    data_root: Path

    @property
    def scene(self) -> str:
        """`{T4 id}/{revision}`."""
        return place_of(self.folder)

    def key(self, tables: str) -> str:
        """What names the piece that is made of tables with this digest, on any machine."""
        slice_ = [self.dataset, self.home, self.scene, place_of(self.files), self.city, self.vehicle_type]
        return _digest_of([code_digest(), tables, *slice_, self.settled])


@dataclass(frozen=True, eq=False)
class Piece:
    """clouds: file -> bytes that it had. infos: info file of a cloud -> its digest. Both relative to `Recipe.files`.

    frames: what `t4zoo.info.pickled` made of the scene's frames.
    """

    count: SceneCount
    clouds: Mapping[str, int]
    infos: Mapping[str, str]
    frames: bytes
    sha256: str  # of the frames

    def told(self) -> dict[str, Any]:
        """All but the frames, as JSON has it."""
        count = vars(self.count) | {"objects": self.count.objects.tolist()}
        return {"count": count, "clouds": dict(self.clouds), "infos": dict(self.infos), "sha256": self.sha256}

    def fits(self, recipe: Recipe, infos: Mapping[str, str]) -> bool:
        """Whether the files that were looked at are as they were. infos: digests that are known already."""
        try:
            sizes = [size for size, *_ in stamps_of(recipe.files, self.clouds)]
            return sizes == list(self.clouds.values()) and all(
                (infos.get(name) or digest_of_file(recipe.files / name)) == digest
                for name, digest in self.infos.items()
            )
        except OSError:
            return False


def piece_of(told: Mapping[str, Any], frames: bytes) -> Piece | None:
    """The piece that was told like this, if these are its frames."""
    try:
        if hashlib.sha256(frames).hexdigest() != told["sha256"]:
            return None
        count = told["count"] | {"objects": np.array(told["count"]["objects"], dtype=np.int64)}
        return Piece(SceneCount(**count), told["clouds"], told["infos"], frames, told["sha256"])
    except (KeyError, TypeError, ValueError):
        return None


def make(recipe: Recipe, tables: Mapping[str, bytes]) -> Piece:
    """The piece of a scene whose tables have these contents. Raises ReadError where the scene is broken."""
    collecting = gc.isenabled()
    gc.disable()  # so many rows are made at once that looking for cycles, of which there are none, takes a tenth of all
    try:
        return _made(recipe, tables)
    finally:
        if collecting:
            gc.enable()


def _made(recipe: Recipe, tables: Mapping[str, bytes]) -> Piece:
    scene = dataclasses.replace(scene_of(recipe.folder, tables), folder=recipe.files)
    infos = sorted({info for info in scene.columns["sample_data"]["info_filename"] if info})
    bring(recipe.files / name for name in infos)
    made = convert(scene, recipe.home, recipe.settings, recipe.city, recipe.vehicle_type)
    code = pickled(made.frames, _pickling(recipe.labels.class_names))
    start = len(f"{recipe.home}/{place_of(recipe.files)}/")
    clouds = {path[start:]: size for path, size in sorted(made.clouds.items())}
    points = sum(made.clouds[frame.lidar_path] // (4 * frame.num_pts_feats) for frame in made.frames)
    count = count_scene(recipe.dataset, scene.name, made.frames, recipe.labels, recipe.data_root, points)
    present = {name: digest_of_file(recipe.files / name) for name in infos if is_file(recipe.files / name)}
    return Piece(count, clouds, present, code, hashlib.sha256(code).hexdigest())


@cache
def _pickling(classes: tuple[str, ...]) -> Pickling:
    return pickling_for(classes)


def tables_digest(tables: Mapping[str, bytes]) -> str:
    """What tells these contents from any other."""
    digest = hashlib.sha256()
    for name, content in tables.items():
        digest.update(f"{name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a small file."""
    return hashlib.sha256(content_of(path)).hexdigest()


@cache
def code_digest() -> str:
    """The digest of the code that makes pieces."""
    root = Path(t4zoo.__path__[0])
    return _digest_of({name: digest_of_file(root / f"{name}.py") for name in CODE})


def settings_digest(settings: FrameSettings) -> str:
    """What tells these settings from any other."""
    told = dataclasses.asdict(settings)
    if settings.labels is not None:
        told["labels"] |= {"filters": sorted(settings.labels.filters), "names": sorted(settings.labels.names.items())}
    return _digest_of(told)


def _digest_of(value: Sequence[Any] | Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
