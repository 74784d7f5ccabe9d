"""The files of an auto_label folder that tell what was labelled and how; docs/auto_label.md describes each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from t4zoo.autolabel.identity import instance_token, objects_of
from t4zoo.autolabel.labelling import Counts
from t4zoo.autolabel.labels import SceneLabels
from t4zoo.autolabel.rules import Ensemble
from t4zoo.info import Frame, Instances, saving
from t4zoo.t4.dataset_list import DatasetList, parse_scene_id, write_dataset_list
from t4zoo.whole import write_whole


@dataclasses.dataclass(frozen=True)
class Naming:
    """What stands in the files besides boxes. name: of the set, `{day}_{dataset}`. dataset: of the labelled scenes.

    models: the names with which those of the ensemble sign.
    """

    name: str
    dataset: str
    classes: tuple[str, ...]
    models: tuple[str, ...]


@contextmanager
def writing_infos(folder: Path, naming: Naming) -> Iterator[Callable[[SceneLabels], None]]:
    """Write pseudo_infos_filtered.pkl and info_all.pkl, each whole or not at all; what this gives adds a scene."""
    extra = {"models": list(naming.models)}
    with (
        saving(folder / "pseudo_infos_filtered.pkl", naming.classes, naming.dataset, extra) as add_scored,
        saving(folder / "info_all.pkl", naming.classes, naming.name, extra) as add_labelled,
    ):

        def write(scene: SceneLabels) -> None:
            add_scored(scored_frames(scene))
            add_labelled(labelled_frames(scene, naming.classes))

        yield write


def scored_frames(scene: SceneLabels) -> Iterator[Frame]:
    """The frames with the labels as predictions: with their scores, and the ids that predict gave them."""
    for number, frame in enumerate(scene.frames):
        yield dataclasses.replace(frame, predictions=scene.labels.boxes.of_frame(number))


def labelled_frames(scene: SceneLabels, classes: Sequence[str]) -> Iterator[Frame]:
    """The frames with the labels as annotated boxes: with counted points, and the tokens of the pseudo scenes."""
    rows, objects = scene.labels.boxes, objects_of(scene.labels, classes)
    tokens = {name: instance_token(scene.frames[0].scene, name) for name in set(objects)}
    for number, frame in enumerate(scene.frames):
        here = slice(int(rows.starts[number]), int(rows.starts[number + 1]))
        labels = rows.labels[here]
        instances = Instances(
            boxes=rows.boxes[here],
            velocities=rows.velocities[here],
            labels=labels,
            num_lidar_pts=scene.labels.num_lidar_pts[here],
            num_radar_pts=np.zeros(len(labels), dtype=np.int64),
            categories=tuple(classes[label] for label in labels.tolist()),
            attributes=((),) * len(labels),
            tokens=tuple(tokens[name] for name in objects[here]),
        )
        yield dataclasses.replace(frame, instances=instances)


def write_scene_list(folder: Path, name: str, scenes: Sequence[str]) -> None:
    """Write dataset_id_list.yaml: the scenes that were labelled, in the form of a dataset list, all in `train`."""
    dataset = DatasetList("dataset_id_list", name, {"train": tuple(parse_scene_id(scene) for scene in scenes)})
    write_dataset_list(folder, dataset, f"{name}: the auto-labelled scenes in pseudo_t4dataset/{name}.")


def write_log(
    folder: Path,
    naming: Naming,
    ensemble: Ensemble,
    settings: Mapping[str, Any],
    counts: Counts,
    objects: Mapping[str, int],
) -> None:
    """Write log.log: who labelled, by which rules, and how many boxes of each class each step has left.

    settings: what was configured beside models and thresholds, printed as it is. objects: how many of each class the
    labels are. When that was, git tells: a clock in here would be the one difference of two runs on the same input.
    """
    lines = [f"{naming.name}: {naming.dataset}, {counts.scenes} scenes, {counts.frames} frames"]
    for index, rules in enumerate(ensemble.models):
        lines += ["", f"{rules.name} as {naming.models[index]}, weight {rules.weight:g}"]
        least = [f"{rules.thresholds[c]:g}" if c in rules.use_label else "not used" for c in naming.classes]
        lines += _table(naming.classes, {"raw": counts.raw[index], "kept": counts.kept[index]}, least)
    steps = {"merged": counts.merged, "filtered": counts.filtered, "labels": counts.final}
    found = np.array([objects.get(name, 0) for name in naming.classes], dtype=np.int64)
    lines += ["", "all models together", *_table(naming.classes, {**steps, "objects": found})]
    lines += ["", "settings", yaml.safe_dump(dict(settings), sort_keys=False, default_flow_style=None, width=110)]
    write_whole(folder / "log.log", "\n".join(lines))


def _table(classes: Sequence[str], columns: Mapping[str, Any], least: Sequence[str] = ()) -> list[str]:
    """A line a class, and one for all of them."""
    heads = [*(["threshold"] if least else []), *columns]
    rows = [("class", heads)]
    for index, name in enumerate(classes):
        rows.append((name, [*least[index : index + 1], *(str(numbers[index]) for numbers in columns.values())]))
    rows.append(("all", [*([""] if least else []), *(str(numbers.sum()) for numbers in columns.values())]))
    width = max(10, *(len(head) + 2 for head in heads))
    return [f"{name:<16}" + "".join(f"{cell:>{width}}" for cell in cells) for name, cells in rows]
