"""Frames to tensors: clouds with their sweeps, cut to the model's range, with the boxes that can be learnt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from t4zoo.errors import UsageError
from t4zoo.geometry import inverse
from t4zoo.info import Frame, InfoError, load, require_sweeps
from t4zoo.points import read_points

COLUMNS = ("x", "y", "z", "intensity")  # of a T4 lidar file; what follows them is not read


class Sample(NamedTuple):
    """What is to be found in a cloud: boxes (N, 7), velocities (N, 2; NaN unknown), labels (N,), as `Instances`."""

    boxes: Tensor
    velocities: Tensor
    labels: Tensor


class LidarDataset(Dataset[tuple[Tensor, Sample]]):
    """The frames of an info file, or given frames, each as a (N, F) float32 cloud and its `Sample`.

    Coordinates are metres in the frame's lidar frame. data_root: what the frames' lidar paths are relative to.
    point_features: names of the F columns; `lag` is the age of a point's cloud against the frame [s].
    point_cloud_range: x, y, z min, x, y, z max [m] of points and of box centres that are kept.
    max_sweeps: earlier clouds that are added. It and class_names are checked against those of the info file.
    min_points: boxes with fewer points, and boxes to ignore (label -1), are left out.
    augment: `Augmentation`'s arguments, or None. cache: keep the clouds in memory. seed: of the augmentations.
    """

    def __init__(
        self,
        info: str | Path | Sequence[Frame],
        data_root: str | Path,
        point_features: Sequence[str],
        point_cloud_range: Sequence[float],
        max_sweeps: int,
        class_names: Sequence[str] | None = None,
        min_points: int = 0,
        augment: dict[str, float] | None = None,
        cache: bool = False,
        seed: int = 0,
    ) -> None:
        self.frames = _frames_of(Path(info), class_names, max_sweeps) if isinstance(info, str | Path) else tuple(info)
        _require_columns(self.frames)
        self.data_root = Path(data_root)
        self.columns = [_column(name) for name in point_features]
        self.range = np.asarray(point_cloud_range, dtype=np.float64)
        self.max_sweeps, self.min_points, self.seed = max_sweeps, min_points, seed
        self.augmentation = Augmentation(**augment) if augment else None
        self.cached: dict[int, NDArray[np.float32]] | None = {} if cache else None
        self.metainfo = {"classes": tuple(class_names or ())}  # where mmengine looks for it
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.frames)

    def set_epoch(self, epoch: int) -> None:
        """Choose the random numbers of the augmentations: they follow from seed, epoch and index alone."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[Tensor, Sample]:
        """The cloud and the sample of frame `index`; PointsError when its lidar file cannot be read."""
        points, rows = self._points(index), self.frames[index].instances
        learnt = (rows.labels >= 0) & (rows.num_lidar_pts >= self.min_points)
        boxes, velocities, labels = rows.boxes[learnt], rows.velocities[learnt], rows.labels[learnt]
        if self.augmentation:
            rng = np.random.default_rng([self.seed, self.epoch, index])
            points, boxes, velocities = self.augmentation(rng, points, boxes, velocities)
        points, kept = points[self._inside(points)], self._inside(boxes)
        sample = Sample(
            torch.from_numpy(boxes[kept].astype(np.float32)),
            torch.from_numpy(velocities[kept].astype(np.float32)),
            torch.from_numpy(labels[kept]),
        )
        return torch.from_numpy(np.ascontiguousarray(points[:, self.columns])), sample

    def _inside(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        xyz = rows[:, :3]
        return np.all((xyz >= self.range[:3]) & (xyz < self.range[3:]), axis=1)

    def _points(self, index: int) -> NDArray[np.float32]:
        if self.cached is None:
            return self._read(self.frames[index])
        if index not in self.cached:
            self.cached[index] = self._read(self.frames[index])
        return self.cached[index]

    def _read(self, frame: Frame) -> NDArray[np.float32]:
        """(N, 5) x, y, z, intensity, lag of the frame's cloud and its sweeps, in the frame's lidar coordinates."""
        clouds = [_with_lag(read_points(self.data_root / frame.lidar_path, frame.num_pts_feats), 0.0)]
        for sweep in frame.sweeps[: self.max_sweeps]:
            cloud = read_points(self.data_root / sweep.lidar_path, sweep.num_pts_feats)
            # lidar2sensor takes the frame's points to the sweep's coordinates; the sweep's points go the other way.
            back = inverse(sweep.lidar2sensor).astype(np.float32)
            cloud[:, :3] = cloud[:, :3] @ back[:3, :3].T + back[:3, 3]
            clouds.append(_with_lag(cloud, frame.timestamp - sweep.timestamp))
        return np.concatenate(clouds)


class Augmentation:
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


def collate(items: Sequence[tuple[Tensor, Sample]]) -> dict[str, Any]:
    """A batch as mmengine passes it to a model's forward: clouds keep their own lengths, nothing is padded."""
    return {"inputs": [points for points, _ in items], "data_samples": [sample for _, sample in items]}


def _frames_of(path: Path, class_names: Sequence[str] | None, max_sweeps: int) -> tuple[Frame, ...]:
    info = load(path)
    require_sweeps(info, path, max_sweeps)
    if class_names is not None and info.classes != tuple(class_names):
        raise InfoError(
            f"{path}: its labels mean {list(info.classes)}, but the model's classes are {list(class_names)}; "
            "make the info file again for this product"
        )
    if not info.frames:
        raise InfoError(f"{path}: lists no frame; give the product a dataset with scenes in this split")
    return info.frames


def _require_columns(frames: Sequence[Frame]) -> None:
    for frame in frames:
        for path, width in [
            (frame.lidar_path, frame.num_pts_feats),
            *((s.lidar_path, s.num_pts_feats) for s in frame.sweeps),
        ]:
            if width < len(COLUMNS):
                raise InfoError(f"{path}: its points have {width} values; {', '.join(COLUMNS)} are needed")


def _column(name: str) -> int:
    names = (*COLUMNS, "lag")
    if name not in names:
        raise UsageError(f"point_features: no column {name!r}; choose from {', '.join(names)}")
    return names.index(name)


def _with_lag(cloud: NDArray[np.float32], lag: float) -> NDArray[np.float32]:
    return np.column_stack([cloud[:, : len(COLUMNS)], np.full(len(cloud), lag, dtype=np.float32)])
