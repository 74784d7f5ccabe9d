"""Frames to tensors: clouds with their sweeps, cut to the model's range, with the boxes that can be learnt."""

from __future__ import annotations

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
from t4zoo.info import Frame, InfoError, Instances, load, require_sweeps
from t4zoo.points import read_clouds

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
    min_points: boxes with fewer points, and boxes to ignore (label -1), are left out. cache: keep the clouds in memory.
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
        cache: bool = False,
    ) -> None:
        self.frames = _frames_of(Path(info), class_names, max_sweeps) if isinstance(info, str | Path) else tuple(info)
        _require_columns(self.frames)
        self.data_root = Path(data_root)
        self.columns = [_column(name) for name in point_features]
        self.range = np.asarray(point_cloud_range, dtype=np.float64)
        self.max_sweeps, self.min_points = max_sweeps, min_points
        self.cached: dict[int, NDArray[np.float32]] | None = {} if cache else None
        self.metainfo = {"classes": tuple(class_names or ())}  # where mmengine looks for it

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> tuple[Tensor, Sample]:
        """The cloud and the sample of frame `index`; PointsError when its lidar file cannot be read."""
        rows = self.frames[index].instances
        learnt = self.learnt(rows)
        return self.tensors(self.cloud(index), rows.boxes[learnt], rows.velocities[learnt], rows.labels[learnt])

    def learnt(self, rows: Instances) -> NDArray[np.bool_]:
        """(N,) which of a frame's boxes can be learnt."""
        return np.asarray((rows.labels >= 0) & (rows.num_lidar_pts >= self.min_points))

    def in_range(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        """(N,) which of (N, 3+) points or boxes are in the model's range."""
        xyz = rows[:, :3]
        return np.all((xyz >= self.range[:3]) & (xyz < self.range[3:]), axis=1)

    def labels_of(self, index: int) -> set[int]:
        """The classes that can be learnt from frame `index`."""
        rows = self.frames[index].instances
        return set(rows.labels[self.learnt(rows) & self.in_range(rows.boxes)].tolist())

    def tensors(
        self, points: NDArray[np.float32], boxes: NDArray[Any], velocities: NDArray[Any], labels: NDArray[np.int64]
    ) -> tuple[Tensor, Sample]:
        """What is in range of (N, 5) points, (M, 7) boxes, (M, 2) velocities and (M,) labels."""
        points, kept = points[self.in_range(points)], self.in_range(boxes)
        sample = Sample(
            torch.from_numpy(boxes[kept].astype(np.float32)),
            torch.from_numpy(velocities[kept].astype(np.float32)),
            torch.from_numpy(labels[kept]),
        )
        return torch.from_numpy(np.ascontiguousarray(points[:, self.columns])), sample

    def cloud(self, index: int) -> NDArray[np.float32]:
        """(N, 5) x, y, z, intensity, lag of frame `index` and its sweeps, in its lidar coordinates; leave it as is."""
        if self.cached is None:
            return self._read(self.frames[index])
        if index not in self.cached:
            self.cached[index] = self._read(self.frames[index])
        return self.cached[index]

    def _read(self, frame: Frame) -> NDArray[np.float32]:
        sweeps = frame.sweeps[: self.max_sweeps]
        files = [(frame.lidar_path, frame.num_pts_feats), *((one.lidar_path, one.num_pts_feats) for one in sweeps)]
        read = read_clouds([(self.data_root / path, width) for path, width in files])
        clouds = [_with_lag(next(read), 0.0)]
        for sweep, cloud in zip(sweeps, read, strict=True):
            # lidar2sensor takes the frame's points to the sweep's coordinates; the sweep's points go the other way.
            back = inverse(sweep.lidar2sensor).astype(np.float32)
            cloud[:, :3] = cloud[:, :3] @ back[:3, :3].T + back[:3, 3]
            clouds.append(_with_lag(cloud, frame.timestamp - sweep.timestamp))
        return np.concatenate(clouds)


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
