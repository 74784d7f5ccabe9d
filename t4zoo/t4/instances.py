"""The labelled boxes of one sample, in the coordinates of its cloud."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.geometry import apply, compose, rotate, rotation_from_quaternion, wrap, yaw_of
from t4zoo.info import Instances
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.merge import extend_longer, pairs
from t4zoo.t4.reader import CURE, ReadError, T4Scene
from t4zoo.t4.tables import Attribute, Category, Instance, Sample, SampleAnnotation
from t4zoo.t4.velocity import velocity_of

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Row:
    """One box. name: its class. category: its raw category, or the class that it was merged to."""

    box: Array
    velocity: Array
    name: str
    category: str
    attributes: tuple[str, ...]
    lidar_pts: int
    radar_pts: int
    token: str


def instances_of(
    scene: T4Scene, sample: Sample, labels: LabelMap, lidar_from_map: Array, max_speed: float
) -> Instances:
    """The boxes of `sample` in the lidar frame, in the table's order. max_speed [m/s].

    Yaw is the heading seen from above the lidar, also where it is mounted with a tilt. Raises ReadError for a flat box.
    """
    rows = [_row(scene, box, labels, lidar_from_map, max_speed) for box in scene.annotations[sample.token]]
    rows = _merged(rows, labels)
    if not rows:
        return Instances.empty()
    return Instances(
        boxes=np.array([row.box for row in rows]),
        velocities=np.array([row.velocity for row in rows]),
        labels=np.array([labels.label_of(row.name, row.category, row.attributes) for row in rows], dtype=np.int64),
        num_lidar_pts=np.array([row.lidar_pts for row in rows], dtype=np.int64),
        num_radar_pts=np.array([row.radar_pts for row in rows], dtype=np.int64),
        categories=tuple(row.category for row in rows),
        attributes=tuple(row.attributes for row in rows),
        tokens=tuple(row.token for row in rows),
    )


def _row(scene: T4Scene, box: SampleAnnotation, labels: LabelMap, lidar_from_map: Array, max_speed: float) -> _Row:
    width, length, height = box.size
    if min(box.size) <= 0:
        raise ReadError(f"scene {scene.name}: table sample_annotation, token {box.token}: size is {box.size}; {CURE}")
    rotation = lidar_from_map[:3, :3]
    yaw = wrap(yaw_of(compose(rotation, rotation_from_quaternion(box.rotation))))
    category = scene.one(Category, scene.one(Instance, box.instance_token).category_token).name
    return _Row(
        box=np.array([*apply(lidar_from_map, box.translation), length, width, height, yaw]),
        velocity=_limited(rotate(rotation, velocity_of(scene, box) * (1.0, 1.0, 0.0))[:2], max_speed),
        name=labels.class_of(category),
        category=category,
        attributes=tuple(scene.one(Attribute, token).name for token in box.attribute_tokens),
        lidar_pts=box.num_lidar_pts,
        radar_pts=box.num_radar_pts,
        token=box.instance_token,
    )


def _limited(velocity: Array, max_speed: float) -> Array:
    speed = math.hypot(*velocity.tolist())
    return velocity * (max_speed / speed) if speed > max_speed else velocity


def _merged(rows: list[_Row], labels: LabelMap) -> list[_Row]:
    for merge in labels.merges:
        if not {merge.first, merge.second} <= {row.name for row in rows}:
            continue
        boxes = np.array([row.box for row in rows])
        partners = dict(pairs(boxes, [row.name for row in rows], merge, labels.merge_distance))
        gone = set(partners.values())
        rows = [
            _join(row, rows[partners[number]], merge.target) if number in partners else row
            for number, row in enumerate(rows)
            if number not in gone
        ]
    return rows


def _join(one: _Row, other: _Row, target: str) -> _Row:
    known = [row.velocity for row in (one, other) if not np.isnan(row.velocity).any()]
    return _Row(
        box=extend_longer(one.box, other.box),
        velocity=(known[0] + known[-1]) / 2 if known else one.velocity,
        name=target,
        category=target,
        attributes=tuple(sorted({*one.attributes, *other.attributes})),
        lidar_pts=one.lidar_pts + other.lidar_pts,
        radar_pts=one.radar_pts + other.radar_pts,
        token=one.token,
    )
