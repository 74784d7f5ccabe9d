"""From a product's datasets to its info files and their statistics, all of them or none."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.spread import Engine, processes
from t4zoo.t4.check.gate import Gate
from t4zoo.t4.check.many import Begin, in_silence
from t4zoo.t4.dataset_list import SPLITS, DatasetList, DatasetListError
from t4zoo.t4.datasets.counting import SceneCount, objects_csv, scenes_csv, summary
from t4zoo.t4.frames import FrameSettings
from t4zoo.t4.info_folder import writing
from t4zoo.t4.labels import read_labels
from t4zoo.t4.piece import settings_digest
from t4zoo.t4.pieces import Order, pieces
from t4zoo.t4.reader import ReadError
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
    workers: int | Engine | None = 1,
    cache: Path | None = None,
    gate: Gate | None = None,
    begin: Begin = in_silence,
) -> dict[str, Any]:
    """Write `info_{train,val,test}.pkl`, what is counted in them and where each scene is; returns the statistics.

    product, labels: as in conf/product/ and conf/labels/. max_speed [m/s]. cameras: see `FrameSettings`. workers:
    an engine, or processes, None for one a core. cache: a folder for what other runs can use again; the info files
    beside `out` are used again without it. gate: what is held against scenes before. begin: shows progress. A missing,
    broken or refused scene raises and leaves `out` as it was.
    """
    label_map = read_labels(labels, product["class_names"])
    max_sweeps = whole_number(f"conf/product/{product['name']}.yaml", "max_sweeps", product["max_sweeps"], 0)
    channels = None if cameras is None else tuple(cameras)
    selections = read_selections(product, sources.lists)
    refuse_shared_scenes([selection.dataset for selection in selections])
    extra = {"datasets": [_told(one) for one in selections], "labels": str(labels["name"]), "max_sweeps": max_sweeps}
    base, train_on = FrameSettings(label_map, max_sweeps, 1, max_speed, channels), _train_on(product)
    splits, orders = [], []
    for split, selection in itertools.product(SPLITS, selections):
        settings = dataclasses.replace(base, sample_steps=selection.sample_steps)
        settled = settings_digest(settings)
        for scene in selection.dataset.splits[split]:
            splits.append(tuple(name for name in SPLITS if name == split or (name == "train" and split in train_on)))
            orders.append(Order(selection, scene, settings, settled, sources.data_root))
    if gate is not None:
        extra |= gate.hold(_places(orders), begin)
    engine = processes(workers) if workers is None or isinstance(workers, int) else workers
    counts: dict[str, list[SceneCount]] = {split: [] for split in SPLITS}
    with (
        begin("converting", len(orders)) as advance,
        writing(out, label_map.class_names, str(product["name"]), extra) as folder,
    ):
        made = pieces(orders, engine, cache, out.parent)
        for names, (key, piece) in zip(splits, made, strict=True):
            folder.add(names, key, piece)
            for name in names:
                counts[name].append(piece.count)
            advance(1)
        statistics = {
            split: summary(counts[split], label_map.class_names) | _waived(counts[split], extra) for split in SPLITS
        }
        folder.add_text("statistics.json", json.dumps(statistics, indent=2) + "\n")
        folder.add_text("objects.csv", objects_csv(counts, label_map.class_names))
        folder.add_text("scenes.csv", scenes_csv(counts, label_map.class_names))
    return statistics


def _waived(counts: Sequence[SceneCount], extra: Mapping[str, Any]) -> dict[str, Any]:
    """What `Gate.hold` told of the scenes of one split: a release reads it here, where it reads their names."""
    scenes = {count.scene for count in counts}
    told = [one for one in extra.get("waivers", ()) if one["scene"] in scenes]
    return {"waivers": told} if told else {}


def _places(orders: Iterable[Order]) -> Iterator[tuple[Path, Path]]:
    """The folder of each scene's tables, and that of its files; a scene that is missing is told by whoever reads it."""
    for order in orders:
        try:
            recipe = order.recipe()
        except ReadError:
            continue
        yield recipe.folder, recipe.files


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
