"""Dataset lists: which scenes a dataset has, and in which split. Their form is AWML's.

Those of people are in `conf/dataset/`; that of auto-labels lies beside the scenes that it names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from t4zoo.errors import UsageError
from t4zoo.whole import write_whole
from t4zoo.yaml_text import YamlError, brief, read_yaml

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
    """A dataset: its name, its own version as people write it, and the scenes of each split.

    data_of: where the list lies beside scenes that are annotation only, the dataset whose files these share.
    sample_steps: every so-many-th sample is to be taken, unless a product says otherwise; None where it has to.
    """

    name: str
    dataset_version: str
    splits: dict[str, tuple[SceneId, ...]]
    data_of: str | None = None
    sample_steps: int | None = None


def parse_scene_id(text: str) -> SceneId:
    """A list's entry. Raises DatasetListError."""
    parts = text.split("/") if isinstance(text, str) else []
    if len(parts) not in (1, 2, 4, 5):
        form = "id, id/revision or id/revision/city/vehicle_type[/status]"
        raise DatasetListError(f"the scene {brief(text)} is not {form}")
    if not _PART.fullmatch(parts[0]):
        raise DatasetListError(f"the scene {brief(text)} has no T4 id in front")
    if len(parts) > 1 and not (parts[1].isascii() and parts[1].isdecimal()):
        raise DatasetListError(f"the scene {brief(text)} has the revision {brief(parts[1])}, which is no whole number")
    return SceneId(*parts)


def read_dataset_list(folder: Path, name: str) -> DatasetList:
    """`{folder}/{name}.yaml`. Raises DatasetListError, also where a scene stands twice: that would leak a split."""
    path = folder / f"{name}.yaml"
    if not _PART.fullmatch(name) or not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml"))) or "none"
        raise DatasetListError(f"{path}: no such dataset list; the datasets are: {known}")
    try:
        data = read_yaml(path)
    except YamlError as error:
        raise DatasetListError(str(error)) from None
    if not isinstance(data, dict) or data.get("version") != FORM:
        raise DatasetListError(f"{path}: not a dataset list of form {FORM}; it must begin with `version: {FORM}`")
    for key, value in data.items():
        if isinstance(value, list) and key not in SPLITS:
            raise DatasetListError(f"{path}: the list {brief(key)} is no split; the splits are {', '.join(SPLITS)}")
    splits = {split: _scenes(path, split, data.get(split)) for split in SPLITS}
    _refuse_twice(path, splits)
    data_of, steps, version = data.get("data_of"), data.get("sample_steps"), data.get("dataset_version", "")
    if isinstance(version, list | tuple | dict | set):
        raise DatasetListError(f"{path}: dataset_version is {brief(version)}; give a text, as in {name}.0")
    if data_of is not None and not (isinstance(data_of, str) and _PART.fullmatch(data_of)):
        raise DatasetListError(f"{path}: data_of is {brief(data_of)}; give the name of a dataset's folder")
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise DatasetListError(f"{path}: sample_steps is {brief(steps)}; give a whole number from 1 on")
    return DatasetList(name, str(version), splits, data_of, steps)


def write_dataset_list(folder: Path, dataset: DatasetList, told: str) -> None:
    """Write `{folder}/{dataset.name}.yaml`; `told` is the comment that it opens with."""
    data: dict[str, Any] = {"version": FORM, "dataset_version": dataset.dataset_version}
    data |= {key: value for key in ("data_of", "sample_steps") if (value := getattr(dataset, key)) is not None}
    data |= {split: [scene.key for scene in dataset.splits.get(split, ())] for split in SPLITS}
    write_whole(folder / f"{dataset.name}.yaml", f"# {told}\n{yaml.safe_dump(data, sort_keys=False)}")


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
