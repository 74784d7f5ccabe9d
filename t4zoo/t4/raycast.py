"""Where the rays of a spinning lidar first meet the ground or a box, in the sensor's coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NOTHING, GROUND = -2, -1


@dataclass(frozen=True, eq=False)
class Boxes:
    """M oriented boxes. centres: (M, 3), halves: (M, 3) half the edges [m]. rotations: (M, 3, 3) box to sensor."""

    centres: Array
    halves: Array
    rotations: Array


def directions(elevations: Array, columns: int) -> Array:
    """(beams, columns, 3) unit vectors; `elevations` [rad] a beam, columns evenly around +z from azimuth -pi."""
    azimuths = azimuths_of(columns)
    cos = np.cos(elevations)[:, None]
    x, y, z = np.broadcast_arrays(cos * np.cos(azimuths), cos * np.sin(azimuths), np.sin(elevations)[:, None])
    return np.stack([x, y, z], axis=-1)


def azimuths_of(columns: int) -> Array:
    """(columns,) azimuths [rad], half a step away from -pi."""
    azimuths: Array = (np.arange(columns, dtype=np.float64) + 0.5) * (2 * np.pi / columns) - np.pi
    return azimuths


def cast(rays: Array, ground_normal: Array, ground_offset: float, boxes: Boxes) -> tuple[Array, NDArray[np.int64]]:
    """First hits of `rays` (beams, columns, 3) from the origin.

    The ground is the plane `ground_normal . x = ground_offset`. Returns the distance [m], infinite without a hit, and
    what was hit: the row of a box, GROUND or NOTHING; both (beams, columns).
    """
    falling = rays[..., 0] * ground_normal[0] + rays[..., 1] * ground_normal[1] + rays[..., 2] * ground_normal[2]
    with np.errstate(divide="ignore"):
        nearest = np.where(falling * ground_offset > 0, ground_offset / falling, np.inf)
    hit = np.where(np.isfinite(nearest), GROUND, NOTHING)
    owner, column = _candidates(boxes, rays.shape[1])
    distance = _slabs(rays[:, column], boxes, owner)
    beams = np.broadcast_to(np.arange(len(rays))[:, None], distance.shape)
    columns = np.broadcast_to(column, distance.shape)
    np.minimum.at(nearest, (beams, columns), distance)
    first = np.isfinite(distance) & (distance == nearest[:, column])
    hit[beams[first], columns[first]] = np.broadcast_to(owner, distance.shape)[first]
    return nearest, hit


def _candidates(boxes: Boxes, columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (box, column) such that the column's half-plane may meet the box: only these are cast."""
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], dtype=np.float64)
    local = signs[None] * boxes.halves[:, None]
    corners = boxes.centres[:, None] + sum(local[..., k : k + 1] * boxes.rotations[:, None, :, k] for k in range(3))
    middle = np.arctan2(boxes.centres[:, 1], boxes.centres[:, 0])
    aside = np.arctan2(corners[..., 1], corners[..., 0]) - middle[:, None]
    aside = np.abs((aside + np.pi) % (2 * np.pi) - np.pi).max(axis=1)
    step = 2 * np.pi / columns
    reach = np.minimum(np.ceil(aside / step).astype(np.int64) + 1, columns // 2)
    # A box near the sensor's axis can surround it, and then its corners say nothing about the columns.
    around = np.hypot(boxes.centres[:, 0], boxes.centres[:, 1]) < np.linalg.norm(boxes.halves, axis=1)
    reach[around] = columns // 2
    centre = np.floor((middle + np.pi) / step).astype(np.int64)
    counts = np.minimum(2 * reach + 1, columns)
    owner = np.repeat(np.arange(len(counts)), counts)
    along = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, (centre[owner] - reach[owner] + along) % columns


def _slabs(rays: Array, boxes: Boxes, owner: NDArray[np.int64]) -> Array:
    """(beams, P) distance [m] at which ray (beam, p) enters box `owner[p]`, infinite where it misses it.

    Source: Kay and Kajiya, "Ray tracing complex scenes", 1986 (slabs).
    """
    enter = np.zeros(rays.shape[:2])
    leave = np.full(rays.shape[:2], np.inf)
    for axis in range(3):
        edge = boxes.rotations[:, :, axis]
        start = -(
            boxes.centres[:, 0] * edge[:, 0] + boxes.centres[:, 1] * edge[:, 1] + boxes.centres[:, 2] * edge[:, 2]
        )
        edge, half, start = edge[owner], boxes.halves[owner, axis], start[owner]
        speed = rays[..., 0] * edge[:, 0] + rays[..., 1] * edge[:, 1] + rays[..., 2] * edge[:, 2]
        speed = np.where(np.abs(speed) < 1e-12, 1e-12, speed)  # parallel to the slab: far beyond any range
        one, other = (-half - start) / speed, (half - start) / speed
        enter = np.maximum(enter, np.minimum(one, other))
        leave = np.minimum(leave, np.maximum(one, other))
    return np.where((enter <= leave) & (enter > 0), enter, np.inf)
