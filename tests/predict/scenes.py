"""Predictions of a few scenes, without a model."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np

from t4zoo.boxes import BoxTable
from t4zoo.info import Frame, Predictions

CLASSES = ("car", "bus")


def make_folders(root: Path, names: str) -> tuple[Path, ...]:
    """`root/raw_v1/{name}` for each letter, with one file each."""
    folders = tuple(root / "raw_v1" / name for name in names)
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "cloud.bin").write_bytes(b"points")
    return folders


def predict(folder: Path, frames: int = 2) -> tuple[tuple[Frame, ...], BoxTable]:
    """The frames of the scene in the folder, with the number of boxes that is the frame's own."""
    name = folder.name
    path = f"raw_v1/{name}/0/data/LIDAR_CONCAT/0.pcd.bin"
    members = tuple(
        Frame(number, f"{name}{number}", 1.5 + number, f"{name}/0", name, name, "", path, 5, np.eye(4), np.eye(4) / 3,
              images={"CAM": {"cam2ego": np.eye(4) / 7, "width": 3}})
        for number in range(frames)
    )  # fmt: skip
    return members, BoxTable.of([_boxes(frame) for frame in members])


def _boxes(frame: Frame) -> Predictions:
    count = frame.sample_idx + 1
    noise = np.random.default_rng(ord(frame.token[0]) * 10 + frame.sample_idx)
    velocities = noise.normal(size=(count, 2))
    velocities[0] = np.nan
    ids = tuple(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{frame.token}/{rank}")) for rank in range(count))
    boxes = noise.normal(size=(count, 7)) * 30
    return Predictions(boxes, velocities, noise.integers(0, 2, count), noise.random(count), ids)
