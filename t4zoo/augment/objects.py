"""Objects cut out of training frames: their boxes and points, in a folder that frames are filled up from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from t4zoo.info import Frame
from t4zoo.whole import whole

Array = NDArray[np.float64]
Points = NDArray[np.float32]

LAG = 4  # the column of a point's age [s]


@dataclass(frozen=True, eq=False)
class Objects:
    """K objects as they stood in their own frames, in lidar coordinates.

    boxes: (K, 7), velocities: (K, 2), labels: (K,), as `Instances`. starts: (K + 1,) object k's points are the rows
    starts[k] to starts[k + 1] of the file `cloud`, each x, y, z, intensity, lag.
    """

    boxes: Array
    velocities: Array
    labels: NDArray[np.int64]
    starts: NDArray[np.int64]
    cloud: Path

    def points(self, number: int) -> Points:
        """(N, 5) the points of one object."""
        # Opened each time: an open map would be copied whole to each process that reads frames.
        return np.array(np.load(self.cloud, mmap_mode="r")[self.starts[number] : self.starts[number + 1]])


def cut_objects(
    folder: Path,
    frames: Sequence[Frame],
    cloud_of: Callable[[int], Points],
    in_range: Callable[[Array], NDArray[np.bool_]],
    most: int,
    min_points: int,
    seed: int,
) -> Objects:
    """The objects of `frames`, cut out once and kept in `folder`; processes that ask for it together wait for one.

    cloud_of: index of a frame -> its (N, 5) cloud. in_range: (M, 7) boxes -> (M,) which of them to take.
    most: objects of a class; frames are gone through in a random order that follows from `seed` until there are so
    many. min_points: of an object's box.
    """
    table, cloud = folder / "objects.npz", folder / "objects.npy"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "objects.lock"):
        if not table.exists():
            _cut(table, cloud, frames, cloud_of, _choose(frames, in_range, most, min_points, seed))
    with np.load(table) as columns:
        return Objects(**{name: columns[name] for name in columns}, cloud=cloud)


def _choose(
    frames: Sequence[Frame], in_range: Callable[[Array], NDArray[np.bool_]], most: int, min_points: int, seed: int
) -> dict[int, list[int]]:
    """Frame -> rows of its instances that are taken."""
    taken: dict[int, list[int]] = {}
    counts: dict[int, int] = {}
    for index in np.random.default_rng(seed).permutation(len(frames)).tolist():
        rows = frames[index].instances
        good = (rows.labels >= 0) & (rows.num_lidar_pts >= max(min_points, 1)) & in_range(rows.boxes)
        for row in np.flatnonzero(good).tolist():
            label = int(rows.labels[row])
            if counts.get(label, 0) < most:
                counts[label] = counts.get(label, 0) + 1
                taken.setdefault(index, []).append(row)
    return taken


def _cut(
    table: Path, cloud: Path, frames: Sequence[Frame], cloud_of: Callable[[int], Points], chosen: dict[int, list[int]]
) -> None:
    boxes, velocities = [np.zeros((0, 7))], [np.zeros((0, 2))]
    labels, points = [np.zeros(0, dtype=np.int64)], [np.zeros((0, LAG + 1), dtype=np.float32)]
    for index, numbers in sorted(chosen.items()):
        rows, scene = frames[index].instances, cloud_of(index)
        boxes.append(rows.boxes[numbers])
        velocities.append(rows.velocities[numbers])
        labels.append(rows.labels[numbers])
        points += [scene[inside(scene, rows.boxes[row], rows.velocities[row])] for row in numbers]
    with whole(cloud) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate(points))
    with whole(table) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            boxes=np.concatenate(boxes),
            velocities=np.concatenate(velocities),
            labels=np.concatenate(labels),
            starts=np.cumsum([len(part) for part in points], dtype=np.int64),
        )


def inside(points: Points, box: Array, velocity: Array) -> NDArray[np.bool_]:
    """(N,) which of the (N, 5) points are the object's: of older clouds, those where it was then.

    box: (7,) at the frame's time. velocity: (2,) [m/s], NaN as if it stood still.
    """
    vx, vy = np.nan_to_num(velocity)
    x = points[:, 0] + vx * points[:, LAG] - box[0]
    y = points[:, 1] + vy * points[:, LAG] - box[1]
    z = points[:, 2] - box[2]
    cos, sin = math.cos(box[6]), math.sin(box[6])
    along, across = np.abs(cos * x + sin * y), np.abs(cos * y - sin * x)
    found: NDArray[np.bool_] = (along <= box[3] / 2) & (across <= box[4] / 2) & (np.abs(z) <= box[5] / 2)
    return found
