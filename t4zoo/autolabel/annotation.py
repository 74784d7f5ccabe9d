"""The labels of a scene as T4 annotates objects: in the map frame, each signed by the models that saw it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from t4zoo.autolabel.identity import objects_of
from t4zoo.autolabel.labels import SceneLabels
from t4zoo.geometry import apply, compose, quaternion_from_rotation, rotate
from t4zoo.info import Array, Frame
from t4zoo.t4.tables import AutolabelMetadata, Quaternion, Vector
from t4zoo.t4.writer import Box


def boxes_of(scene: SceneLabels, classes: Sequence[str], models: Sequence[str]) -> Iterator[Box]:
    """The labels of a scene. models: the names with which those of the ensemble sign.

    Boxes of one track are one object. A velocity that no model knows is None.
    """
    rows, objects = scene.labels.boxes, objects_of(scene.labels, classes)
    for number, frame in enumerate(scene.frames):
        here = slice(int(rows.starts[number]), int(rows.starts[number + 1]))
        boxes = rows.boxes[here]
        columns = zip(
            objects[here],
            rows.labels[here].tolist(),
            apply(_to_map(frame), boxes[:, :3]).tolist(),
            boxes[:, [4, 3, 5]].tolist(),  # width before length
            _rotations(_to_map(frame), boxes[:, 6]),
            _velocities(_to_map(frame), rows.velocities[here]),
            scene.labels.num_lidar_pts[here].tolist(),
            scene.labels.said[here].tolist(),
            strict=True,
        )
        for name, label, centre, size, rotation, velocity, points, said in columns:
            yield Box(
                track=name,
                category=classes[label],
                sample_token=frame.token,
                translation=_vector(centre),
                size=_vector(size),
                rotation=rotation,
                num_lidar_pts=points,
                velocity=velocity,
                models=tuple(
                    AutolabelMetadata(model, score)
                    for model, score in zip(models, said, strict=True)
                    if not math.isnan(score)
                ),
            )


def _to_map(frame: Frame) -> Array:
    return compose(frame.ego2global, frame.lidar2ego)


def _rotations(to_map: Array, yaws: Array) -> list[Quaternion]:
    """The quaternions of turns about the lidar's +z, then `to_map`, with w >= 0."""
    w, x, y, z = quaternion_from_rotation(to_map[:3, :3])
    cos, sin = np.cos(yaws / 2), np.sin(yaws / 2)
    turned = np.column_stack([w * cos - z * sin, x * cos + y * sin, y * cos - x * sin, z * cos + w * sin])
    turned[turned[:, 0] < 0] *= -1
    return [(a, b, c, d) for a, b, c, d in turned.tolist()]


def _velocities(to_map: Array, velocities: Array) -> list[Vector | None]:
    flat = rotate(to_map[:3, :3], np.column_stack([velocities, np.zeros(len(velocities))]))
    return [None if unknown else _vector(row) for row, unknown in zip(flat.tolist(), np.isnan(flat[:, 0]), strict=True)]


def _vector(values: Sequence[float]) -> Vector:
    x, y, z = values
    return x, y, z
