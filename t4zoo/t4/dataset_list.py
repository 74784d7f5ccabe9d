"""The lists in `conf/dataset/`: which scenes a dataset has, and in which split. Their form is AWML's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from t4zoo.errors import UsageError

SPLITS = ("train", "val", "test")
FORM = 1  # of the file, its key `version`

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")


class DatasetListError(UsageError):
    """A dataset list that is missing, or says something that cannot be understood."""


@dataclass(frozen=True)
class SceneId:
    """One entry of a list: `id`, `id/revision`, or that with `/city/vehicle_type` and `/status` behind it.

    revision: None for the highest that is on disk.
    """

    id: str
    revision: str | None = None
    city: str = ""
    vehicle_type: str = ""
    status: str = ""

    @property
    def key(self) -> str:
        """`{T4 id}/{revision}`, or the id alone."""
        return self.id if self.revision is None else f"{self.id}/{self.revision}"


@dataclass(frozen=True)
class DatasetList:
    """A dataset: its name, its own version as people write it, and the scenes of each split."""

    name: str
    dataset_version: str
    splits: dict[str, tuple[SceneId, ...]]


def parse_scene_id(text: str) -> SceneId:
    """A list's entry. Raises DatasetListError."""
    parts = text.split("/") if isinstance(text, str) else []
    if len(parts) not in (1, 2, 4, 5):
        raise DatasetListError(f"the scene {text!r} is not id, id/revision or id/revision/city/vehicle_type[/status]")
    if not _PART.fullmatch(parts[0]):
        raise DatasetListError(f"the scene {text!r} has no T4 id in front")
    if len(parts) > 1 and not (parts[1].isascii() and parts[1].isdecimal()):
        raise DatasetListError(f"the scene {text!r} has the revision {parts[1]!r}, which is no whole number")
    return SceneId(*parts)


def read_dataset_list(folder: Path, name: str) -> DatasetList:
    """`{folder}/{name}.yaml`. Raises DatasetListError, also where a scene stands twice: that would leak a split."""
    path = folder / f"{name}.yaml"
    if not _PART.fullmatch(name) or not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml"))) or "none"
        raise DatasetListError(f"{path}: no such dataset list; the datasets are: {known}")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DatasetListError(f"{path}: not a YAML file: {error}") from None
    if not isinstance(data, dict) or data.get("version") != FORM:
        raise DatasetListError(f"{path}: not a dataset list of form {FORM}; it must begin with `version: {FORM}`")
    for key, value in data.items():
        if isinstance(value, list) and key not in SPLITS:
            raise DatasetListError(f"{path}: the list {key!r} is no split; the splits are {', '.join(SPLITS)}")
    splits = {split: _scenes(path, split, data.get(split)) for split in SPLITS}
    _refuse_twice(path, splits)
    return DatasetList(name, str(data.get("dataset_version", "")), splits)


def _scenes(path: Path, split: str, entries: Any) -> tuple[SceneId, ...]:
    if entries is not None and not isinstance(entries, list):
        raise DatasetListError(f"{path}: {split} must be a list of scenes")
    try:
        return tuple(parse_scene_id(entry) for entry in entries or ())
    except DatasetListError as error:
        raise DatasetListError(f"{path}: {split}: {error}") from None


def _refuse_twice(path: Path, splits: dict[str, tuple[SceneId, ...]]) -> None:
    seen: dict[str, str] = {}
    for split, scenes in splits.items():
        for scene in scenes:
            if scene.id in seen:
                raise DatasetListError(f"{path}: the scene {scene.id} is in {seen[scene.id]} and again in {split}")
            seen[scene.id] = split
