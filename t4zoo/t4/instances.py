"""The labelled boxes of a scene's frames, in the coordinates of their clouds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.geometry import apply, rotate, rotations_from_quaternions, wrap
from t4zoo.info import Instances
from t4zoo.t4.labels import LabelMap, Merge
from t4zoo.t4.merge import extend_longer, pairs
from t4zoo.t4.places import Rows, rows_of
from t4zoo.t4.reader import CURE, ReadError, T4Scene
from t4zoo.t4.velocity import velocities_of

Array = NDArray[np.float64]
MOST_BOXES = 10_000  # of one sample
_About = tuple[str, str, tuple[str, ...]]  # what decides a label: class, raw category, attributes


@dataclass(frozen=True, eq=False)
class _Boxes:
    """The boxes of one frame. names: their classes. categories: raw ones, or the class that a box was merged to."""

    boxes: Array
    velocities: Array
    points: NDArray[np.int64]
    names: Sequence[str]
    categories: Sequence[str]
    attributes: Sequence[tuple[str, ...]]
    tokens: Sequence[str]


def instances_of(
    scene: T4Scene, samples: Rows, labels: LabelMap, lidar_from_map: Array, max_speed: float
) -> tuple[Instances, ...]:
    """The boxes of each of F samples in its lidar's frame, in the table's order. max_speed [m/s].

    samples: (F,) rows of the table. lidar_from_map: (F, 4, 4). Yaw is the heading seen from above the lidar, also where
    it is mounted with a tilt. Raises ReadError for a flat box.
    """
    known: dict[_About, int] = {}
    frames = [_merged(frame, labels) for frame in _frames(scene, samples, labels, lidar_from_map, max_speed)]
    return tuple(_labelled(frame, labels, known) for frame in frames)


def _labelled(frame: _Boxes, labels: LabelMap, known: dict[_About, int]) -> Instances:
    if not len(frame.boxes):
        return Instances.empty()
    numbers = []
    for about in zip(frame.names, frame.categories, frame.attributes, strict=True):
        if (label := known.get(about)) is None:
            label = known[about] = labels.label_of(*about)
        numbers.append(label)
    return Instances(
        boxes=frame.boxes,
        velocities=frame.velocities,
        labels=np.array(numbers, dtype=np.int64),
        num_lidar_pts=frame.points[:, 0],
        num_radar_pts=frame.points[:, 1],
        categories=tuple(frame.categories),
        attributes=tuple(frame.attributes),
        tokens=tuple(frame.tokens),
    )


def _frames(
    scene: T4Scene, samples: Rows, labels: LabelMap, lidar_from_map: Array, max_speed: float
) -> Iterator[_Boxes]:
    """The boxes of each sample as they were annotated."""
    table = scene.columns["sample_annotation"]
    rows, owners, ends = _by_sample(scene, samples)
    _refuse_flat(scene, rows)
    _refuse_crowd(scene, samples, ends)
    matrices = lidar_from_map[owners]
    velocities = rotate(matrices[:, :3, :3], velocities_of(scene)[rows] * (1.0, 1.0, 0.0))[:, :2]
    boxes = np.column_stack(
        [
            apply(matrices, table["translation"][rows]),
            table["size"][rows][:, [1, 0, 2]],
            _yaws(matrices[:, :3, :3], table["rotation"][rows]),
        ]
    )
    counts = [np.array(table[field], dtype=np.int64)[rows] for field in ("num_lidar_pts", "num_radar_pts")]
    points, velocities = np.column_stack(counts), _limited(velocities, max_speed)
    taken = rows.tolist()
    named = _categories(scene, taken)
    classes = [labels.class_of(category) for category in named]
    attributes = _attributes(scene, taken)
    tokens = [table["instance_token"][row] for row in taken]
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        part = slice(start, end)
        yield _Boxes(
            boxes[part], velocities[part], points[part], classes[part], named[part], attributes[part], tokens[part]
        )


def _by_sample(scene: T4Scene, samples: Rows) -> tuple[Rows, Rows, list[int]]:
    """Rows of the annotations of these samples, which of the samples each is of, and where each sample's rows end."""
    wanted = np.full(len(scene.columns["sample"]), len(samples), dtype=np.int64)
    wanted[samples] = np.arange(len(samples))
    owners = wanted[rows_of(scene.columns["sample"].index, scene.columns["sample_annotation"]["sample_token"])]
    rows = np.argsort(owners, kind="stable")
    ends = np.cumsum(np.bincount(owners, minlength=len(samples))[: len(samples)])
    rows = rows[: ends[-1] if len(ends) else 0]
    return rows, owners[rows], ends.tolist()


def _refuse_flat(scene: T4Scene, rows: Rows) -> None:
    table = scene.columns["sample_annotation"]
    flat = rows[(table["size"][rows] <= 0).any(axis=1)]
    if len(flat):
        token, size = table["token"][flat[0]], tuple(table["size"][flat[0]].tolist())
        raise ReadError(f"scene {scene.name}: table sample_annotation, token {token}: size is {size}; {CURE}")


def _refuse_crowd(scene: T4Scene, samples: Rows, ends: Sequence[int]) -> None:
    """Each box may be compared with each other one of its sample."""
    for row, count in zip(samples.tolist(), np.diff(ends, prepend=0).tolist(), strict=True):
        if count > MOST_BOXES:
            token = scene.columns["sample"]["token"][row]
            raise ReadError(
                f"scene {scene.name}: table sample_annotation has {count:,} boxes of the sample {token}, and "
                f"{MOST_BOXES:,} are the most; {CURE}"
            )


def _yaws(rotations: Array, quaternions: Array) -> list[float]:
    """The heading of each turned box; by `math`, for numpy's own arctan2 differs from CPU to CPU."""
    ahead = rotate(rotations, rotations_from_quaternions(quaternions)[:, :, 0])
    return [wrap(math.atan2(y, x)) for x, y in ahead[:, :2].tolist()]


def _limited(velocities: Array, max_speed: float) -> Array:
    speeds = np.sqrt(velocities[:, 0] * velocities[:, 0] + velocities[:, 1] * velocities[:, 1])
    fast = speeds > max_speed
    limited = velocities.copy()
    limited[fast] *= (max_speed / speeds[fast])[:, None]
    return limited


def _categories(scene: T4Scene, rows: Sequence[int]) -> list[str]:
    instances, categories = scene.columns["instance"], scene.columns["category"]
    names = [categories["name"][categories.index[token]] for token in instances["category_token"]]
    of = dict(zip(instances["token"], names, strict=True))
    owners = scene.columns["sample_annotation"]["instance_token"]
    return [of[owners[row]] for row in rows]


def _attributes(scene: T4Scene, rows: Sequence[int]) -> list[tuple[str, ...]]:
    table, given = scene.columns["attribute"], scene.columns["sample_annotation"]["attribute_tokens"]
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    found = []
    for tokens in (tuple(given[row]) for row in rows):
        if (names := known.get(tokens)) is None:
            names = known[tokens] = tuple(table["name"][table.index[token]] for token in tokens)
        found.append(names)
    return found


def _merged(frame: _Boxes, labels: LabelMap) -> _Boxes:
    for merge in labels.merges:
        if merge.first in frame.names and merge.second in frame.names:
            partners = dict(pairs(frame.boxes, frame.names, merge, labels.merge_distance))
            frame = _joined(frame, partners, merge) if partners else frame
    return frame


def _joined(frame: _Boxes, partners: dict[int, int], merge: Merge) -> _Boxes:
    """Each row of `partners` joined with its partner, which goes."""
    boxes, velocities, points = frame.boxes.copy(), frame.velocities.copy(), frame.points.copy()
    names, categories, attributes = list(frame.names), list(frame.categories), list(frame.attributes)
    for one, other in partners.items():
        boxes[one] = extend_longer(frame.boxes[one], frame.boxes[other])
        known = [frame.velocities[row] for row in (one, other) if not np.isnan(frame.velocities[row]).any()]
        velocities[one] = (known[0] + known[-1]) / 2 if known else frame.velocities[one]
        points[one] = frame.points[one] + frame.points[other]
        names[one] = categories[one] = merge.target
        attributes[one] = tuple(sorted({*frame.attributes[one], *frame.attributes[other]}))
    stay = [row for row in range(len(frame.boxes)) if row not in set(partners.values())]
    return _Boxes(
        boxes[stay], velocities[stay], points[stay],
        [names[row] for row in stay], [categories[row] for row in stay], [attributes[row] for row in stay],
        [frame.tokens[row] for row in stay],
    )  # fmt: skip
