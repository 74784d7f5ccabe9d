"""The files of an auto_label folder that tell what was labelled and how; docs/auto_label.md describes each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import yaml

from t4zoo.autolabel.labelling import Labelling
from t4zoo.autolabel.raw import Raw
from t4zoo.autolabel.rules import Ensemble
from t4zoo.info import Info, save
from t4zoo.whole import write_whole


def write_infos(folder: Path, name: str, raw: Raw, labelling: Labelling) -> None:
    """Write pseudo_infos_filtered.pkl, the boxes with their scores, and info_all.pkl, which can be trained on."""
    models = {"models": list(raw.models)}
    boxes = tuple(
        dataclasses.replace(frame, predictions=found.boxes)
        for frame, found in zip(raw.frames, labelling.labels, strict=True)
    )
    save(folder / "pseudo_infos_filtered.pkl", Info(labelling.classes, raw.dataset, boxes, models))
    save(folder / "info_all.pkl", Info(labelling.classes, name, labelling.frames, models))


def write_dataset_list(folder: Path, name: str, scenes: Sequence[str]) -> None:
    """Write dataset_id_list.yaml: the pseudo scenes as a dataset list, all of them to train on."""
    data = {"version": 1, "dataset_version": name, "train": list(scenes), "val": [], "test": []}
    head = f"# {name}: the auto-labelled scenes in pseudo_t4dataset/{name}; a copy in conf/dataset/ makes a dataset.\n"
    write_whole(folder / "dataset_id_list.yaml", head + yaml.safe_dump(data, sort_keys=False))


def write_log(folder: Path, name: str, ensemble: Ensemble, raw: Raw, labelling: Labelling) -> None:
    """Write log.log: the models, their thresholds, and how many boxes of each class were and are.

    When that was, git tells: a clock in here would be the one difference between two runs on the same input.
    """
    scenes = len({frame.scene for frame in raw.frames})
    lines = [f"{name}: {raw.dataset}, {scenes} scenes, {len(raw.frames)} frames"]
    for index, rules in enumerate(ensemble.models):
        lines += ["", f"{rules.name} as {raw.models[index]}, weight {rules.weight:g}", _ROW.format(*_HEAD)]
        for column, label in enumerate(labelling.classes):
            used = f"{rules.thresholds[label]:g}" if label in rules.use_label else "not used"
            counts = labelling.raw[index, column], labelling.kept[index, column]
            lines.append(_ROW.format(label, used, *counts))
        lines.append(_ROW.format("all", "", labelling.raw[index].sum(), labelling.kept[index].sum()))
    groups = "; ".join(", ".join(group) for group in ensemble.label_groups)
    merged = f"IoU above {ensemble.iou_threshold:g} within {groups}" if len(ensemble.models) > 1 else "nothing merged"
    lines += ["", f"labels ({merged})", f"{'class':<16}{'labels':>10}"]
    lines += [f"{label:<16}{count:>10}" for label, count in zip(labelling.classes, labelling.final, strict=True)]
    lines.append(f"{'all':<16}{labelling.final.sum():>10}")
    write_whole(folder / "log.log", "\n".join(lines) + "\n")


_HEAD = ("class", "threshold", "raw", "kept")
_ROW = "{:<16}{:>10}{:>10}{:>10}"
