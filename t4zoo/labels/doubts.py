"""Which labels are doubtful, why, and which frames have the most of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from t4zoo.autolabel.rules import Ensemble
from t4zoo.boxes import BoxTable
from t4zoo.evaluate.boxes import Boxes
from t4zoo.evaluate.precision import match
from t4zoo.info import Array
from t4zoo.labels.folder import LabelScene
from t4zoo.labels.overlaps import pairs
from t4zoo.labels.settings import Settings
from t4zoo.labels.source import SceneBoxes
from t4zoo.labels.tracks import Jump, Tracks

# What a doubtful box adds to its frame's need. "wrong" and "missed" are known with ground truth only.
WEIGHTS = {"missed": 2.0, "wrong": 2.0, "jump": 2.0, "silent": 1.0, "overlap": 1.0, "near": 1.0, "short": 0.5}
MEANING = {
    "missed": "an object of the ground truth without a label",
    "wrong": "a label without an object",
    "jump": "a track changes its speed, heading or size beyond what objects do",
    "silent": "a model of the ensemble has no such box",
    "overlap": "labels of two classes overlap",
    "near": "the score is close above the threshold",
    "short": "the track is short",
}


@dataclass(frozen=True)
class Look:
    """A frame that needs a look. index: its place in the scene. reasons: how many boxes are doubtful for which."""

    scene: str
    index: int
    reasons: dict[str, int]

    @property
    def need(self) -> float:
        """The sum of the weights of all reasons, a box counting once for each."""
        return sum(WEIGHTS[reason] * count for reason, count in self.reasons.items())


def doubts_of(
    scene: LabelScene, least: Array, tracks: Tracks | None, jumps: Sequence[Jump], settings: Settings
) -> dict[str, NDArray[np.bool_]]:
    """Reason -> (N,) which labels it holds for, of the reasons that need no other file.

    least: (classes,) the threshold of each class. tracks: None where nothing was tracked.
    """
    boxes = scene.boxes
    jumping, crossing = np.zeros((2, len(boxes)), dtype=bool)
    jumping[[jump.row for jump in jumps]] = True
    crossing[pairs(boxes, settings.overlap).ravel()] = True
    found = {"near": boxes.scores < least[boxes.labels] + settings.near, "overlap": crossing}
    if tracks is not None:
        short = min(settings.short, len(scene.frames))  # nothing is followed for longer than its scene
        found |= {"short": tracks.lengths[tracks.of] < short, "jump": jumping}
    return found


def silent(
    scene: LabelScene,
    classes: Sequence[str],
    raw: Mapping[str, tuple[Sequence[str], SceneBoxes]],
    ensemble: Ensemble,
    distance: float,
) -> NDArray[np.bool_]:
    """(N,) for which labels some model of the ensemble has no box that it would keep, of the same label group.

    raw: of each model, the classes that its labels index, and its boxes in the scene. A box is the same when the
    centres are nearer than `distance` [m].
    """
    result = np.zeros(len(scene.boxes), dtype=bool)
    groups = {name: number for number, group in enumerate(ensemble.label_groups) for name in group}
    wanted = np.array([groups.get(name, -1) for name in classes])[scene.boxes.labels]
    index = {frame.token: place for place, frame in enumerate(scene.frames)}
    for rules in ensemble.models:
        known, said = raw[rules.name]
        least = np.array([rules.thresholds[name] if name in rules.use_label else np.inf for name in known])
        kept = said.boxes.take(said.boxes.scores >= least[said.boxes.labels])
        places = np.array([index.get(frame.token, -1) for frame in said.frames], dtype=np.int64)[kept.frames]
        group = np.array([groups.get(name, -2) for name in known])[kept.labels]
        result |= ~_has_partner(
            _points(scene.boxes, scene.boxes.frames, wanted), _points(kept, places, group), distance
        )
    return result


def _points(boxes: BoxTable, frames: NDArray[np.int64], groups: NDArray[np.int64]) -> Array:
    """(N, 4) centres, and coordinates that keep frames and groups far apart."""
    return np.column_stack([boxes.boxes[:, :2], frames * 1e4, groups * 1e4])


def _has_partner(points: Array, others: Array, distance: float) -> NDArray[np.bool_]:
    if not len(points) or not len(others):
        return np.zeros(len(points), dtype=bool)
    gaps, _ = cKDTree(others).query(points)
    return np.asarray(gaps < distance)


def against_truth(truth: Boxes, said: Boxes, distance: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which labels have no object of their class, (len(said),), and which objects no label, (len(truth),)."""
    wrong, missed = np.ones(len(said), dtype=bool), np.ones(len(truth), dtype=bool)
    for label in np.unique(said.labels).tolist():
        objects, boxes = np.flatnonzero(truth.labels == label), np.flatnonzero(said.labels == label)
        boxes = boxes[np.argsort(said.scores[boxes], kind="stable")[::-1]]
        matched = match(truth.take(objects), said.take(boxes), distance)
        wrong[boxes[matched >= 0]] = False
        missed[objects[matched[matched >= 0]]] = False
    return wrong, missed


def looks_of(scene: LabelScene, counts: Mapping[str, NDArray[np.int64]]) -> list[Look]:
    """The frames of a scene in which anything is doubtful; counts: reason -> (frames,) numbers of boxes."""
    every = (
        Look(scene.scene, place, {reason: int(counts[reason][place]) for reason in WEIGHTS if reason in counts})
        for place in range(len(scene.frames))
    )
    return [look for look in every if look.need > 0]


def ranked(looks: Sequence[Look]) -> list[Look]:
    """The frame with the most need first; of equal ones by scene and place."""
    return sorted(looks, key=lambda look: (-look.need, look.scene, look.index))
