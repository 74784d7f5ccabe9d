"""Frames of a few points and boxes, with their lidar files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from t4zoo import info
from t4zoo.augment.frames import TrainingFrames
from t4zoo.points import write_points

CLASSES = ("car", "bicycle")
CAR, BICYCLE = 0, 1
NO_MOVEMENT = {"flip_x": 0.0, "flip_y": 0.0, "half_turn": 0.0, "rotation": 0.0, "scale": 0.0}


def instances(boxes, labels, velocities=None, counts=None) -> info.Instances:
    n = len(boxes)
    return info.Instances(
        np.array(boxes, dtype=np.float64).reshape(n, 7),
        np.array(velocities if velocities is not None else [[np.nan, np.nan]] * n, dtype=np.float64).reshape(n, 2),
        np.array(labels, dtype=np.int64),
        np.array(counts if counts is not None else [9] * n, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
        ("any",) * n,
        ((),) * n,
    )


def frame(root: Path, name: str, points, rows: info.Instances | None = None) -> info.Frame:
    """A frame whose lidar file, of x, y, z [m], is written below `root`; all intensities are 7."""
    cloud = np.asarray(points, dtype=np.float32).reshape(-1, 3)
    write_points(root / f"{name}.bin", np.column_stack([cloud, np.full(len(cloud), 7.0), np.full(len(cloud), -1.0)]))
    eye = np.eye(4)
    return info.Frame(0, name, 0.0, "s/0", "", "", "", f"{name}.bin", 5, eye, eye, (), rows or info.Instances.empty())


def training_frames(root: Path, *frames: info.Frame, **options) -> TrainingFrames:
    given = {
        "data_root": root,
        "point_features": ["x", "y", "z", "intensity", "lag"],
        "point_cloud_range": [-50.0, -50.0, -3.0, 50.0, 50.0, 5.0],
        "max_sweeps": 1,
        "class_names": CLASSES,
        "augment": None,
        "paste": None,
        "seed": 0,
        **options,
    }
    return TrainingFrames(info=frames, **given)
