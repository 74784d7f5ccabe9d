"""A spinning lidar in a street: one revolution as T4 points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from t4zoo.geometry import apply, compose, rotate, rotation_from_yaw
from t4zoo.t4 import raycast
from t4zoo.t4.world import SHAPES, SIGHT, SKIN, Actor

Array = NDArray[np.float64]

COLUMNS = 240
ELEVATIONS = np.radians(np.concatenate([np.linspace(-30.0, -12.0, 9, endpoint=False), np.linspace(-12.0, 5.0, 19)]))
RAYS = raycast.directions(ELEVATIONS, COLUMNS)
NOISE = 0.02  # standard deviation of the range [m]
MILLIMETRES = 3  # decimals of a coordinate; as real devices do, and it hides the last bits in which CPUs differ


class Solids:
    """The parts of all actors of a street, ready to be seen from anywhere."""

    def __init__(self, actors: Sequence[Actor]) -> None:
        """Take the actors as they stand at the first instant."""
        rows = [(actor, part) for actor in actors for part in SHAPES[actor.kind]]
        self.offsets = np.array([_offset(actor, part) for actor, part in rows])
        self.halves = np.array([_half(actor, part) for actor, part in rows])
        self.rotations = np.array([rotation_from_yaw(actor.yaw) for actor, _ in rows])
        self.reflectivity = np.array([part[6] for _, part in rows])
        self.positions = np.array([[actor.x, actor.y, 0.0] for actor, _ in rows])
        self.velocities = np.array([[*actor.velocity, 0.0] for actor, _ in rows])

    def seen_from(self, sensor_from_road: Array, time: float) -> raycast.Boxes:
        """The parts after `time` seconds, in the sensor's coordinates."""
        centres = self.positions + self.velocities * time + self.offsets
        turned = [compose(sensor_from_road[:3, :3], rotation) for rotation in self.rotations]
        return raycast.Boxes(apply(sensor_from_road, centres), self.halves, np.array(turned))


def _offset(actor: Actor, part: tuple[float, ...]) -> Array:
    length, width, height = actor.size
    middle = [part[0] * length, part[1] * width, (part[2] + part[5] / 2) * height]
    return rotate(rotation_from_yaw(actor.yaw), middle)


def _half(actor: Actor, part: tuple[float, ...]) -> list[float]:
    return [max(part[3 + axis] * actor.size[axis] / 2 - SKIN, 0.03) for axis in range(3)]


def revolution(solids: Solids, sensor_from_road: Array, time: float, rng: Generator) -> NDArray[np.float32]:
    """(N, 5) x, y, z [m] in the sensor's coordinates, intensity 0..255, ring -1.

    sensor_from_road: (4, 4) at that instant. The ground is the road frame's z = 0. Far and grazing returns get lost.
    """
    normal = sensor_from_road[:3, 2]
    height = float(
        normal[0] * sensor_from_road[0, 3] + normal[1] * sensor_from_road[1, 3] + normal[2] * sensor_from_road[2, 3]
    )
    distance, hit = raycast.cast(RAYS, normal, height, solids.seen_from(sensor_from_road, time))
    noise, luck = rng.normal(0.0, NOISE, distance.shape), rng.random(distance.shape)
    ground = hit == raycast.GROUND
    with np.errstate(invalid="ignore"):
        lost = 0.02 + 0.3 * (distance / SIGHT) ** 2 + np.where(ground, distance / 45.0, 0.0)
    kept = (distance < SIGHT) & (luck > lost)
    reached = distance[kept] + noise[kept]
    xyz = np.round(RAYS[kept] * reached[:, None], MILLIMETRES)
    reflectivity = np.where(ground, 0.12, solids.reflectivity[np.maximum(hit, 0)])[kept]
    intensity = np.clip(np.round(255 * reflectivity * (1 + 4 * noise[kept])), 0, 255)
    ring = np.full(len(xyz), -1.0)
    return np.column_stack([xyz, intensity, ring]).astype(np.float32)
