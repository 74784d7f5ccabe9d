"""A frame mirrored, turned and scaled, its boxes and velocities with its points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Movement:
    """Mirrors, turns and scales a frame.

    flip_x, flip_y: probability of mirroring x or y. half_turn: probability of a turn by pi about +z.
    rotation: greatest further turn to either side [rad]. scale: greatest relative change of size.
    """

    def __init__(self, flip_x: float, flip_y: float, half_turn: float, rotation: float, scale: float) -> None:
        self.flip_x, self.flip_y, self.half_turn = flip_x, flip_y, half_turn
        self.rotation, self.scale = rotation, scale

    def __call__(
        self, rng: np.random.Generator, points: NDArray[np.float32], boxes: NDArray[Any], velocities: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any]]:
        """Changed copies of (N, 3+) points, (M, 7) boxes and (M, 2) velocities."""
        points, boxes, velocities = points.copy(), boxes.copy(), velocities.copy()
        # All are drawn every time, so that switching one off leaves the others as they were.
        draws = rng.random(5)
        if draws[0] < self.flip_x:
            for rows in (points, boxes, velocities):
                rows[:, 0] *= -1
            boxes[:, 6] = math.pi - boxes[:, 6]
        if draws[1] < self.flip_y:
            for rows in (points, boxes, velocities):
                rows[:, 1] *= -1
            boxes[:, 6] *= -1
        angle = (2 * draws[3] - 1) * self.rotation + (math.pi if draws[2] < self.half_turn else 0.0)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        factor = 1 + (2 * draws[4] - 1) * self.scale
        for rows in (points, boxes, velocities):
            rows[:, :2] = rows[:, :2] @ (factor * turn).astype(rows.dtype)
        points[:, 2] *= factor
        boxes[:, 2:6] *= factor
        boxes[:, 6] = (boxes[:, 6] + angle + math.pi) % (2 * math.pi) - math.pi
        return points, boxes, velocities
