"""The boxes of a scene as a tracker sees them: places in the map, in an order of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.tracking.kalman import Motions
from t4zoo.autolabel.tracking.rules import KalmanRules, Motion
from t4zoo.boxes import BoxTable
from t4zoo.errors import T4zooError
from t4zoo.geometry import compose
from t4zoo.info import Array, Frame

Rows = NDArray[np.int64]


class TrackingError(T4zooError):
    """Frames in which nothing can be followed."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """N boxes of F frames: frame after frame, in each by falling score and then by id, however the table has them.

    rows: (N,) of the boxes in the table. starts: (F + 1,) as in the table. frames: (N,) each one's frame.
    times: (F,) [s]. rotations: (F, 3, 3) of the lidar's axes in the map. positions: (N, 2) in the map [m].
    velocities: (N, 2) along the map's axes [m/s], NaN where unknown. groups: (N,) boxes of different ones are not one
    object. gates: (N,) [m]. motion: of each box's group.
    """

    rows: Rows
    starts: Rows
    frames: Rows
    times: Array
    rotations: Array
    positions: Array
    velocities: Array
    groups: Rows
    gates: Array
    motion: Motions

    def __len__(self) -> int:
        return len(self.rows)


def sightings_of(boxes: BoxTable, frames: Sequence[Frame], classes: Sequence[str], rules: KalmanRules) -> Sightings:
    """The boxes of one scene; raises TrackingError where its frames are not in the order of time."""
    rows, times = _ordered(boxes), np.array([frame.timestamp for frame in frames])
    if len(back := np.flatnonzero(np.diff(times) < 0)):
        late = frames[int(back[0]) + 1]
        raise TrackingError(
            f"scene {late.scene}: sample {late.token} comes after a later one; sort the frames by timestamp"
        )
    number = boxes.frames[rows]
    to_map = np.array([compose(frame.ego2global, frame.lidar2ego) for frame in frames])
    groups, motions = _groups(classes, rules)
    group = groups[boxes.labels[rows]]
    turned = _rotated(to_map[number], boxes.velocities[rows])
    return Sightings(
        rows=rows,
        starts=boxes.starts,
        frames=number,
        times=times,
        rotations=to_map[:, :3, :3],
        positions=_placed(to_map[number], boxes.boxes[rows]),
        velocities=turned if rules.use_velocity else np.full_like(turned, np.nan),
        groups=group,
        gates=np.array([rules.gate(name) for name in classes])[boxes.labels[rows]],
        motion=motions.take(group),
    )


def _ordered(boxes: BoxTable) -> Rows:
    words = np.ascontiguousarray(boxes.ids).view(">u8").reshape(-1, 2)
    return np.lexsort((words[:, 1], words[:, 0], -boxes.scores, boxes.frames))


def _placed(to_map: Array, boxes: Array) -> Array:
    place: Array = to_map[:, :2, 3].copy()
    for axis in range(3):
        place += to_map[:, :2, axis] * boxes[:, axis, None]
    return place


def _rotated(to_map: Array, velocities: Array) -> Array:
    turned: Array = to_map[:, :2, 0] * velocities[:, :1] + to_map[:, :2, 1] * velocities[:, 1:]
    return turned


def _groups(classes: Sequence[str], rules: KalmanRules) -> tuple[Rows, Motions]:
    """(C,) the number of each class's group, and how the objects of each number move."""
    member = {name: number for number, group in enumerate(rules.groups.values()) for name in group.classes}
    alone = [name for name in classes if name not in member]
    member |= {name: len(rules.groups) + number for number, name in enumerate(alone)}
    moving: list[Motion] = [*rules.groups.values(), *[rules.other] * len(alone)]
    columns = ("position_noise", "velocity_noise", "velocity_drift", "initial_speed")
    squares = np.array([[getattr(motion, name) ** 2 for name in columns] for motion in moving]).reshape(-1, 4)
    return np.array([member[name] for name in classes], dtype=np.int64), Motions(*squares.T)
