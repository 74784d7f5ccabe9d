"""The filters that look at what a label is instead of how sure a model was; each is off where its rules are empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.ensemble import group_of
from t4zoo.autolabel.filter_rules import ALL, SIZES, Filters, Limits
from t4zoo.autolabel.labels import Labels
from t4zoo.autolabel.overlap import overlapping
from t4zoo.autolabel.rules import Ensemble
from t4zoo.autolabel.suppress import contest
from t4zoo.geometry import apply
from t4zoo.info import Frame

Mask = NDArray[np.bool_]
T = TypeVar("T")


def exclude(labels: Labels, frames: Sequence[Frame], classes: Sequence[str], ensemble: Ensemble) -> Labels:
    """The labels that pass the filters by distance and size, and of duplicates the strongest."""
    labels = labels.take(within_range(labels, frames, classes, ensemble.filters))
    labels = labels.take(within_size(labels, classes, ensemble.filters))
    return labels.take(no_duplicates(labels, classes, ensemble))


def within_range(labels: Labels, frames: Sequence[Frame], classes: Sequence[str], filters: Filters) -> Mask:
    """(N,) which centres are as far from the ego's origin, in its xy plane, as their class may be."""
    starts = labels.boxes.starts
    parts = [
        apply(frame.lidar2ego, labels.boxes.boxes[start:end, :3])[:, :2]
        for frame, start, end in zip(frames, starts[:-1], starts[1:], strict=True)
    ]
    centres = np.concatenate([np.zeros((0, 2)), *parts])
    limits = np.array(_by_class(filters.range, classes, (0.0, np.inf)))[labels.boxes.labels]
    return _between(np.hypot(centres[:, 0], centres[:, 1]), limits)


def within_size(labels: Labels, classes: Sequence[str], filters: Filters) -> Mask:
    """(N,) which boxes are as long, wide and high as their class may be."""
    everything: dict[str, Limits] = {}
    kept = np.ones(len(labels), dtype=bool)
    for column, side in enumerate(SIZES, start=3):
        limits = [rules.get(side, (0.0, np.inf)) for rules in _by_class(filters.size, classes, everything)]
        kept &= _between(labels.boxes.boxes[:, column], np.array(limits)[labels.boxes.labels])
    return kept


def enough_points(labels: Labels, classes: Sequence[str], filters: Filters) -> Mask:
    """(N,) which boxes hold as many points as their class must; they must have been counted."""
    enough: Mask = labels.num_lidar_pts >= np.array(_by_class(filters.points, classes, 0))[labels.boxes.labels]
    return enough


def no_duplicates(labels: Labels, classes: Sequence[str], ensemble: Ensemble) -> Mask:
    """(N,) which boxes no stronger one of another label group stands in the place of.

    From the strongest on, by the best weighted score that a model gave it, as in a group; a class of no group is one
    by itself.
    """
    rules = ensemble.filters.duplicates
    if rules is None:
        return np.ones(len(labels), dtype=bool)
    groups = group_of(classes, ensemble)
    groups = np.where(groups < 0, len(groups) + np.arange(len(groups)), groups)[labels.boxes.labels]
    pairs = overlapping(labels.boxes.boxes, labels.boxes.frames, rules.above, rules.measure)
    pairs = pairs.take(groups[pairs.left] != groups[pairs.right])
    weights = np.array([model.weight for model in ensemble.models])
    strength = np.nan_to_num(labels.said * weights).max(axis=1, initial=0.0)
    return contest(pairs, strength).stays


def _by_class(rules: Mapping[str, T], classes: Sequence[str], default: T) -> list[T]:
    return [rules.get(name, rules.get(ALL, default)) for name in classes]


def _between(values: NDArray[np.float64], limits: NDArray[np.float64]) -> Mask:
    within: Mask = (limits[:, 0] <= values) & (values <= limits[:, 1])
    return within
