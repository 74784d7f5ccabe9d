"""A few made-up frames with lidar files: boxes that stand on a plain, each class of another size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from t4zoo import info
from t4zoo.geometry import rotation_from_yaw
from t4zoo.points import points_in_boxes_count, write_points

CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")
SIZES = ((4.5, 1.8, 1.6), (8.0, 2.5, 3.2), (11.0, 2.6, 3.4), (1.8, 0.6, 1.6), (0.7, 0.7, 1.7))
PLACES = ((-10.0, 6.0), (-10.0, -6.0), (0.0, 9.0), (0.0, -9.0), (10.0, 6.0), (10.0, -6.0))


def make_frames(root: Path, count: int, seed: int = 0) -> tuple[info.Frame, ...]:
    """`count` frames of five objects, one a class, whose lidar files are written below `root`."""
    rng = np.random.default_rng(seed)
    return tuple(_frame(root, number, rng) for number in range(count))


def _frame(root: Path, number: int, rng: np.random.Generator) -> info.Frame:
    places = rng.permutation(np.array(PLACES))[: len(CLASSES)] + rng.uniform(-1.0, 1.0, (len(CLASSES), 2))
    yaws = np.where(places[:, 1] > 0, 0.0, np.pi) + rng.normal(0.0, 0.1, len(CLASSES))
    sizes = np.array(SIZES)
    boxes = np.column_stack([places, sizes[:, 2] / 2, sizes, yaws])
    ground = np.column_stack([rng.uniform(-16, 16, (800, 2)), rng.normal(0.0, 0.02, 800)])
    cloud = np.concatenate([ground, *(_surface(box, rng) for box in boxes)])
    path = f"street/{number:03d}.bin"
    (root / path).parent.mkdir(exist_ok=True)
    write_points(root / path, np.column_stack([cloud, np.full(len(cloud), 50.0), np.zeros(len(cloud))]))
    counts = points_in_boxes_count(cloud, boxes)
    instances = info.Instances(
        boxes, np.zeros((5, 2)), np.arange(5), counts, np.zeros(5, dtype=np.int64), CLASSES, ((),) * 5
    )
    return info.Frame(
        number, f"frame{number}", 0.1 * number, "street/0", "", "", "", path, 5, np.eye(4), np.eye(4), (), instances
    )


def _surface(box: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    points = rng.uniform(-0.49, 0.49, (60, 3))
    points[np.arange(60), rng.integers(0, 2, 60)] = np.where(rng.random(60) < 0.5, -0.49, 0.49)
    return (points * box[3:6]) @ rotation_from_yaw(box[6]).T + box[:3]
