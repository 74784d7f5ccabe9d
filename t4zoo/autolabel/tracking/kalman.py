"""Constant-velocity Kalman filters of many objects at once, on the ground plane of the map.

The state of an object is x, y [m] and vx, vy [m/s]; its acceleration is white noise, so that a step of 0.2 s is two
of 0.1 s, however irregular the frames are. Noise is the same along x and y and nothing couples the two, so that one
2 x 2 covariance (position and velocity along either axis) serves both, and all is arithmetic on columns.

Source: Bar-Shalom, Li and Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001, sections 5.2
(filter), 6.2.2 (continuous white noise acceleration) and 8.6 (Rauch, Tung and Striebel's smoother).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.info import Array

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Motions:
    """How N objects move and are seen: the columns (N,) of `rules.Motion`, squared."""

    position_noise: Array  # [m^2]
    velocity_noise: Array  # [m^2/s^2]
    velocity_drift: Array  # [m^2/s^3], the spectral density of the acceleration
    initial_speed: Array  # [m^2/s^2]

    def take(self, rows: Rows) -> Motions:
        """Those of some rows."""
        return Motions(
            self.position_noise[rows], self.velocity_noise[rows], self.velocity_drift[rows], self.initial_speed[rows]
        )


@dataclass(frozen=True, eq=False)
class States:
    """position (N, 2) [m], velocity (N, 2) [m/s]. a, b, c: (N,) variance of the position along an axis, covariance
    of position and velocity, variance of the velocity."""

    position: Array
    velocity: Array
    a: Array
    b: Array
    c: Array

    def take(self, rows: Rows) -> States:
        """Those of some rows."""
        return States(self.position[rows], self.velocity[rows], self.a[rows], self.b[rows], self.c[rows])

    def put(self, rows: Rows, other: States) -> None:
        """Overwrite some rows, in place."""
        for mine, new in zip(self._columns, other._columns, strict=True):
            mine[rows] = new

    @property
    def _columns(self) -> tuple[Array, ...]:
        return self.position, self.velocity, self.a, self.b, self.c


def start(positions: Array, velocities: Array, motion: Motions) -> States:
    """What is known of objects that were seen once, at (N, 2) positions; (N, 2) velocities are NaN where unknown."""
    still = States(
        positions.copy(),
        np.zeros_like(positions),
        motion.position_noise.copy(),
        np.zeros(len(positions)),
        motion.initial_speed.copy(),
    )
    return _see_velocity(still, velocities, motion)


def predict(states: States, seconds: Array, motion: Motions) -> States:
    """The states after (N,) seconds, none of them negative, in which nothing was seen."""
    a, b, c, q = states.a, states.b, states.c, motion.velocity_drift
    return States(
        states.position + states.velocity * seconds[:, None],
        states.velocity,
        a + (2.0 * b + c * seconds) * seconds + q * seconds * seconds * seconds / 3.0,
        b + c * seconds + q * seconds * seconds / 2.0,
        c + q * seconds,
    )


def update(states: States, positions: Array, velocities: Array, motion: Motions) -> States:
    """The states once (N, 2) positions, and (N, 2) velocities where they are not NaN, were seen."""
    a, b, noise = states.a, states.b, motion.position_noise
    total = a + noise
    off = positions - states.position
    seen = States(
        states.position + (a / total)[:, None] * off,
        states.velocity + (b / total)[:, None] * off,
        a * noise / total,
        b * noise / total,
        states.c - b * b / total,
    )
    return _see_velocity(seen, velocities, motion)


def _see_velocity(states: States, velocities: Array, motion: Motions) -> States:
    b, c = states.b, states.c
    known = np.isfinite(velocities[:, 0]) & np.isfinite(velocities[:, 1])
    noise = np.where(known, motion.velocity_noise, np.inf)  # what is not seen has no say: both gains are then 0
    off = np.where(known[:, None], velocities - states.velocity, 0.0)
    total = c + noise
    share = np.where(known, c / total, 0.0)
    return States(
        states.position + (b / total)[:, None] * off,
        states.velocity + share[:, None] * off,
        states.a - b * b / total,
        b * (1.0 - share),
        c * (1.0 - share),
    )


def hindsight(now: States, expected: States, later: States, seconds: Array) -> States:
    """The states `now` with what was learnt afterwards: Rauch, Tung and Striebel's step.

    expected: `predict(now, seconds)`. later: the same moment with all hindsight. The covariance stays that of `now`.
    """
    top, bottom = now.a + now.b * seconds, now.b + now.c * seconds  # now's covariance times the transposed transition
    determinant = expected.a * expected.c - expected.b * expected.b
    off, drift = later.position - expected.position, later.velocity - expected.velocity

    def gained(first: Array, second: Array) -> Array:
        for_position = (first * expected.c - second * expected.b) / determinant
        for_velocity = (second * expected.a - first * expected.b) / determinant
        return for_position[:, None] * off + for_velocity[:, None] * drift

    return States(now.position + gained(top, now.b), now.velocity + gained(bottom, now.c), now.a, now.b, now.c)
