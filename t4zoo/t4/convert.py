"""From a product's datasets to its info files and their statistics, all of them or none."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.info import Frame, Info, save
from t4zoo.t4.dataset_list import SPLITS, DatasetList, DatasetListError, SceneId
from t4zoo.t4.datasets.counting import SceneCount, count_scene, objects_csv, scenes_csv, summary
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import read_labels
from t4zoo.t4.reader import find_recorded, read_scene
from t4zoo.t4.selection import Selection, read_selections, whole_number


@dataclass(frozen=True)
class Sources:
    """Where scenes and their lists are. data_root holds `{dataset}/{T4 id}/{revision}/`, lists `{dataset}.yaml`."""

    data_root: Path
    lists: Path


def create_info(
    product: Mapping[str, Any],
    labels: Mapping[str, Any],
    sources: Sources,
    out: Path,
    max_speed: float,
    cameras: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Write `info_{train,val,test}.pkl`, `statistics.json`, `objects.csv` and `scenes.csv`; returns the statistics.

    product, labels: as in conf/product/ and conf/labels/. max_speed [m/s]. cameras: see `FrameSettings`. Everything
    is read before anything is written: a missing or broken scene raises and leaves `out` as it was.
    """
    label_map = read_labels(labels, product["class_names"])
    max_sweeps = whole_number(f"conf/product/{product['name']}.yaml", "max_sweeps", product["max_sweeps"], 0)
    channels = None if cameras is None else tuple(cameras)
    selections = read_selections(product, sources.lists)
    refuse_shared_scenes([selection.dataset for selection in selections])
    extra = {"datasets": [_told(one) for one in selections], "labels": str(labels["name"]), "max_sweeps": max_sweeps}
    frames: dict[str, list[Frame]] = {split: [] for split in SPLITS}
    counts: dict[str, list[SceneCount]] = {split: [] for split in SPLITS}
    for split, selection in itertools.product(SPLITS, selections):
        settings = FrameSettings(label_map, max_sweeps, selection.sample_steps, max_speed, channels)
        for scene in selection.dataset.splits[split]:
            made = _frames(sources.data_root, selection, scene, settings)
            name = made[0].scene if made else scene.key
            frames[split] += made
            counts[split].append(count_scene(selection.dataset.name, name, made, label_map, sources.data_root))
    told = {**frames, "train": [frame for split in _train_on(product) for frame in frames[split]]}
    counted = {**counts, "train": [count for split in _train_on(product) for count in counts[split]]}
    infos = {split: Info(label_map.class_names, str(product["name"]), tuple(told[split]), extra) for split in SPLITS}
    statistics = {split: summary(counted[split], label_map.class_names) for split in SPLITS}
    tables = {"objects.csv": objects_csv(counted, label_map.class_names)}
    tables["scenes.csv"] = scenes_csv(counted, label_map.class_names)
    _write(out, infos, {"statistics.json": json.dumps(statistics, indent=2) + "\n", **tables})
    return statistics


def _told(selection: Selection) -> dict[str, Any]:
    dataset = selection.dataset
    told = {"name": dataset.name, "dataset_version": dataset.dataset_version, "sample_steps": selection.sample_steps}
    return told if dataset.data_of is None else told | {"data_of": dataset.data_of}


def _train_on(product: Mapping[str, Any]) -> tuple[str, ...]:
    """The splits whose scenes are trained on: `train`, or more for a -release, which is then tested on none of them."""
    where = f"conf/product/{product['name']}.yaml"
    if "train_on" not in product:
        raise DatasetListError(f"{where}: has no train_on; add `train_on: [train]`")
    given = product["train_on"]
    if not isinstance(given, list | tuple) or "train" not in given or any(split not in SPLITS for split in given):
        raise DatasetListError(f"{where}: train_on is {given!r}; give [train], or [train, val, test] for a -release")
    return tuple(split for split in SPLITS if split in given)


def refuse_shared_scenes(datasets: Iterable[DatasetList]) -> None:
    """Raise DatasetListError when a scene is in two datasets: it could be trained on in one and tested in the other."""
    seen: dict[str, str] = {}
    for dataset in datasets:
        for split, scenes in dataset.splits.items():
            for scene in scenes:
                place = f"{dataset.name} ({split})"
                if scene.id in seen:
                    raise DatasetListError(f"the scene {scene.id} is in {seen[scene.id]} and again in {place}")
                seen[scene.id] = place


def _frames(data_root: Path, selection: Selection, scene: SceneId, settings: FrameSettings) -> tuple[Frame, ...]:
    dataset = selection.dataset
    if dataset.data_of is None:
        read, files = read_scene(data_root / dataset.name / scene.id, scene.revision), dataset.name
    else:  # paths in the frames are those of the scene that was labelled, so that no link to it is needed
        annotated = read_scene(selection.lists / scene.id, scene.revision)
        files = dataset.data_of
        read = dataclasses.replace(annotated, folder=find_recorded(data_root / files / scene.id, scene.revision))
    return frames_of(read, files, settings, scene.city, scene.vehicle_type)


def _write(out: Path, infos: Mapping[str, Info], texts: Mapping[str, str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        for split, info in infos.items():
            save(temporary / f"info_{split}.pkl", info)
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8")
        for file in sorted(temporary.iterdir()):
            file.replace(out / file.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
