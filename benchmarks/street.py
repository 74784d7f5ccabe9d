"""Made-up frames of any size: clouds as dense as those of a vehicle, with objects in them, as files and as an info."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from t4zoo.info import Frame, Instances, Sweep
from t4zoo.points import write_points

WIDTH = 5  # values of a point in a file: x, y, z, intensity, ring
GROUND = -1.8  # [m], below the lidar
SIZES = ((4.5, 1.9, 1.6), (9.0, 2.6, 3.2), (11.0, 2.9, 3.3), (1.8, 0.7, 1.6), (0.7, 0.7, 1.7))  # of a class: l, w, h


def make_frames(root: Path, count: int, points: int, reach: float, objects: int, sweeps: int) -> tuple[Frame, ...]:
    """`count` frames whose lidar files lie below `root`, the same whenever it is called.

    points: of one revolution. reach: how far the cloud goes [m]. sweeps: revolutions before it that a frame has.
    """
    return tuple(_frame(root, number, points, reach, objects, sweeps) for number in range(count))


def _frame(root: Path, number: int, points: int, reach: float, objects: int, sweeps: int) -> Frame:
    rng = np.random.default_rng(number)
    boxes, labels = _boxes(rng, reach, objects)
    paths = [f"street/{number:04d}/{age}.pcd.bin" for age in range(sweeps + 1)]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write_points(root / path, _cloud(rng, points, reach, boxes))
    held = np.full(objects, 50)
    names = ("",) * objects
    instances = Instances(
        boxes, rng.normal(0, 5, (objects, 2)), labels, held, np.zeros_like(held), names, ((),) * objects, names
    )
    still = (np.eye(4), np.eye(4))
    earlier = tuple(
        Sweep(-0.1 * age, "", path, *still, np.eye(4), WIDTH) for age, path in enumerate(paths[1:], start=1)
    )
    return Frame(
        number, f"{number}", 0.0, "street/0", "", "", "", paths[0], WIDTH, *still, sweeps=earlier, instances=instances
    )


def _boxes(rng: np.random.Generator, reach: float, objects: int) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(0, len(SIZES), objects)
    sizes = np.array(SIZES)[labels]
    away, around = reach * np.sqrt(rng.uniform(0.01, 0.9, objects)), rng.uniform(-np.pi, np.pi, objects)
    heights = GROUND + sizes[:, 2] / 2
    yaws = rng.uniform(-np.pi, np.pi, objects)
    return np.column_stack([away * np.cos(around), away * np.sin(around), heights, sizes, yaws]), labels


def _cloud(rng: np.random.Generator, points: int, reach: float, boxes: np.ndarray) -> np.ndarray:
    """Three quarters of the points lie in rings on the ground and on walls, ever sparser; the rest on the objects."""
    far = points * 3 // 4
    away, around = reach * rng.beta(0.8, 3.0, far), rng.uniform(-np.pi, np.pi, far)
    z = np.where(rng.random(far) < 0.7, rng.normal(GROUND, 0.05, far), rng.uniform(GROUND, 3.0, far))
    ground = np.column_stack([away * np.cos(around), away * np.sin(around), z])
    one = boxes[rng.integers(0, len(boxes), points - far)]
    inside = rng.uniform(-0.5, 0.5, (len(one), 3)) * one[:, 3:6]
    cosine, sine = np.cos(one[:, 6]), np.sin(one[:, 6])
    turned = [inside[:, 0] * cosine - inside[:, 1] * sine, inside[:, 0] * sine + inside[:, 1] * cosine, inside[:, 2]]
    xyz = np.concatenate([ground, np.stack(turned, axis=1) + one[:, :3]])
    return np.column_stack([xyz, rng.integers(0, 256, points), rng.integers(0, 128, points)]).astype(np.float32)
