"""Rotations, 4x4 transforms and angles, in float64.

Products are sums of elements instead of BLAS calls: BLAS kernels round differently from CPU to CPU, and what is
computed here ends in files whose bytes must not depend on the machine.
"""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def rotation_from_quaternion(quaternion: ArrayLike) -> Array:
    """(3, 3) rotation of a quaternion (w, x, y, z) of any length but zero, which raises ValueError.

    Source: Diebel, "Representing attitude", 2006, equation 125.
    """
    values = np.asarray(quaternion, dtype=np.float64)
    if values.shape != (4,):
        raise ValueError(f"a quaternion has four components w, x, y, z, not the shape {values.shape}")
    norm = math.sqrt(sum(float(value) * float(value) for value in values))
    if not math.isfinite(norm) or norm < 1e-9:
        raise ValueError(f"the quaternion {values.tolist()} is no rotation: its length is {norm}")
    w, x, y, z = (float(value) / norm for value in values)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotations_from_quaternions(quaternions: Array) -> Array:
    """(N, 3, 3): `rotation_from_quaternion` of each row of (N, 4), whose rows are no zeros."""
    total = quaternions[:, 0] * quaternions[:, 0]
    for k in (1, 2, 3):
        total = total + quaternions[:, k] * quaternions[:, k]
    w, x, y, z = (quaternions / np.sqrt(total)[:, None]).T
    elements = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.ascontiguousarray(np.array(elements).transpose(2, 0, 1))


def quaternion_from_rotation(rotation: Array) -> tuple[float, float, float, float]:
    """The unit quaternion (w, x, y, z), w >= 0, of a (3, 3) rotation.

    Source: Shepperd, "Quaternion from rotation matrix", 1978: dividing by the largest component keeps full accuracy.
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    squares = (1 + a + e + i, 1 + a - e - i, 1 - a + e - i, 1 - a - e + i)  # 4 w^2, 4 x^2, 4 y^2, 4 z^2
    rows = (
        (squares[0], h - f, c - g, d - b),
        (h - f, squares[1], b + d, c + g),
        (c - g, b + d, squares[2], f + h),
        (d - b, c + g, f + h, squares[3]),
    )
    row = rows[max(range(4), key=lambda k: squares[k])]
    norm = math.copysign(math.sqrt(sum(value * value for value in row)), next((v for v in row if v), 1.0))
    w, x, y, z = (value / norm for value in row)
    return w, x, y, z


def quaternion_from_yaw(yaw: float) -> tuple[float, float, float, float]:
    """The unit quaternion (w, x, y, z) that turns by `yaw` [rad] about +z."""
    return math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)


def rotation_from_yaw(yaw: float) -> Array:
    """(3, 3) rotation by `yaw` [rad] about +z."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def rotation_from_euler(roll: float, pitch: float, yaw: float) -> Array:
    """(3, 3) rotation of roll about x, then pitch about y, then yaw about z, all fixed axes [rad]."""
    cr, sr, cp, sp = math.cos(roll), math.sin(roll), math.cos(pitch), math.sin(pitch)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    about_y = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    return compose(rotation_from_yaw(yaw), about_y, about_x)


def yaw_of(rotation: Array) -> float:
    """The heading [rad] of the rotated x axis, projected on the xy plane: nuScenes' `quaternion_yaw`."""
    return math.atan2(float(rotation[1, 0]), float(rotation[0, 0]))


def wrap(angle: float) -> float:
    """The same direction in [-pi, pi)."""
    turned = (angle + math.pi) % (2 * math.pi) - math.pi
    return -math.pi if turned >= math.pi else turned


def transform(rotation: Array, translation: ArrayLike) -> Array:
    """(..., 4, 4) transform that rotates, then translates [m]."""
    matrix = np.zeros((*rotation.shape[:-2], 4, 4))
    matrix[..., :3, :3] = rotation
    matrix[..., :3, 3] = translation
    matrix[..., 3, 3] = 1.0
    return matrix


def compose(*matrices: Array) -> Array:
    """The product of (..., n, n) square matrices: `compose(a, b)` applies `b` first."""
    return reduce(_product, matrices)


def _product(a: Array, b: Array) -> Array:
    total = a[..., :1] * b[..., :1, :]
    for k in range(1, b.shape[-2]):
        total = total + a[..., k : k + 1] * b[..., k : k + 1, :]
    return total


def inverse(matrix: Array) -> Array:
    """The inverse of rigid (..., 4, 4) transforms."""
    rotation = np.swapaxes(matrix[..., :3, :3], -1, -2)
    return transform(rotation, -rotate(rotation, matrix[..., :3, 3]))


def rotate(rotation: Array, vectors: ArrayLike) -> Array:
    """(..., 3) vectors turned by a (3, 3) rotation, or each by one of its own, (..., 3, 3)."""
    v = np.asarray(vectors, dtype=np.float64)
    turned: Array = v[..., :1] * rotation[..., 0] + v[..., 1:2] * rotation[..., 1] + v[..., 2:3] * rotation[..., 2]
    return turned


def apply(matrix: Array, points: ArrayLike) -> Array:
    """(..., 3) points [m] taken through a (4, 4) transform, or each through one of its own, (..., 4, 4)."""
    return rotate(matrix[..., :3, :3], points) + matrix[..., :3, 3]
