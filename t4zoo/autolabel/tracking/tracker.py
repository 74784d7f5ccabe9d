"""The labels of one scene with the object that each box is: passes over time, their agreement, smoothing."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.identity import pseudo_id
from t4zoo.autolabel.labels import Labels
from t4zoo.autolabel.tracking.links import agreed, chains
from t4zoo.autolabel.tracking.passes import links_of
from t4zoo.autolabel.tracking.rules import KalmanRules, TrackingRules
from t4zoo.autolabel.tracking.sightings import Sightings, sightings_of
from t4zoo.autolabel.tracking.smoothing import smooth
from t4zoo.boxes import ID, BoxTable, Ids
from t4zoo.info import Frame
from t4zoo.t4.tables import identifier

Rows = NDArray[np.int64]


def track(labels: Labels, frames: Sequence[Frame], classes: Sequence[str], rules: TrackingRules) -> Labels:
    """The labels of one scene with `tracks`, and smoothed as the rules say; as they are where nothing is tracked.

    frames: the scene's, in the order of time; the labels' boxes lie in their lidar coordinates, their classes index
    `classes`. Only `min_length` drops boxes. Raises TrackingError where the frames are not in the order of time.
    """
    if rules.kalman is None or not len(labels):
        return labels
    seen = sightings_of(labels.boxes, frames, classes, rules.kalman)
    objects = _objects(seen, rules.kalman)
    named = dataclasses.replace(
        labels,
        boxes=smooth(labels.boxes, seen, objects, rules.kalman.smoothing),
        tracks=_names(labels.boxes, seen, objects, frames[0].scene)[objects],
    )
    return named.take(np.bincount(objects)[objects] >= rules.kalman.min_length)


def _objects(seen: Sightings, rules: KalmanRules) -> Rows:
    """(N,) the number of each box's object, from 0 on; boxes in the table's order."""
    links = links_of(seen, rules)
    if "backward" in rules.passes:
        links = agreed(links, links_of(seen, rules, backward=True), len(seen))
    objects = np.empty(len(seen), dtype=np.int64)
    objects[seen.rows] = np.unique(chains(links, seen.starts), return_inverse=True)[1]
    return objects


def _names(boxes: BoxTable, seen: Sightings, objects: Rows, scene: str) -> Ids:
    """(K,) the id of each object, derived from its strongest box: the last one that a higher threshold would take.

    Of equally strong boxes the earliest counts.
    """
    order = seen.rows[np.lexsort((-boxes.scores[seen.rows], objects[seen.rows]))]
    strongest = order[np.flatnonzero(np.diff(objects[order], prepend=-1))]
    ids = (uuid.UUID(bytes=name.tobytes()) for name in boxes.ids[strongest])
    return np.frombuffer(b"".join(identifier(pseudo_id(scene), "track", str(name)).bytes for name in ids), dtype=ID)
