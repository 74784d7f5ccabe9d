"""How much a scene holds: frames, points, and objects by class, range and number of points; and the sums of scenes."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.geometry import apply
from t4zoo.info import Frame
from t4zoo.points import count_points
from t4zoo.t4.labels import LabelMap

# The same for all products, so that they can be compared: where bands begin; the last one has no end.
RANGE_EDGES = (0, 20, 40, 60, 90, 120)  # of the box's centre from the ego, seen from above [m]
POINT_EDGES = (0, 1, 5, 10, 50, 200, 1000)  # lidar points in the box

RANGES = (*(f"{low}-{high}" for low, high in pairwise(RANGE_EDGES)), f"{RANGE_EDGES[-1]}+")
POINTS = ("0", "1-4", "5-9", "10-49", "50-199", "200-999", "1000+")

Counts = Mapping[str, Sequence["SceneCount"]]


@dataclass(frozen=True, eq=False)
class SceneCount:
    """One scene of one dataset. points: of all its frames' clouds, without sweeps.

    objects: (classes, RANGES, POINTS) boxes. ignored, unknown: boxes of raw categories that the product leaves out, and
    of those that the label map does not name.
    """

    dataset: str
    scene: str
    frames: int
    points: int
    objects: NDArray[np.int64]
    ignored: Mapping[str, int]
    unknown: Mapping[str, int]


def count_scene(
    dataset: str, scene: str, frames: Sequence[Frame], labels: LabelMap, data_root: Path, points: int | None = None
) -> SceneCount:
    """Count the frames of a scene. dataset: the name of the list that it stands in. Raises PointsError.

    points: of all clouds, where that is known; else their files are asked.
    """
    ignored, unknown = Counter[str](), Counter[str]()
    for frame in frames:
        for place in np.flatnonzero(frame.instances.labels < 0):
            category = frame.instances.categories[place]
            (ignored if category in labels.names else unknown)[category] += 1
    if points is None:
        points = sum(count_points(data_root / frame.lidar_path, frame.num_pts_feats) for frame in frames)
    objects = count_objects(frames, len(labels.class_names))
    return SceneCount(dataset, scene, len(frames), points, objects, ignored, unknown)


def count_objects(frames: Iterable[Frame], classes: int) -> NDArray[np.int64]:
    """(classes, RANGES, POINTS) boxes of a class."""
    objects = np.zeros((classes, len(RANGES), len(POINTS)), dtype=np.int64)
    if seen := [frame for frame in frames if len(frame.instances)]:
        labels = np.concatenate([frame.instances.labels for frame in seen])
        points = np.concatenate([frame.instances.num_lidar_pts for frame in seen])
        valid = labels >= 0
        bands = _ranges(seen)[valid], _bands(points[valid], POINT_EDGES)
        np.add.at(objects, (labels[valid], *bands), 1)
    return objects


def _ranges(frames: Sequence[Frame]) -> NDArray[np.int64]:
    """The band of each box of these frames."""
    boxes = np.concatenate([frame.instances.boxes for frame in frames])
    mounts = np.repeat([frame.lidar2ego for frame in frames], [len(frame.instances) for frame in frames], axis=0)
    centres = apply(mounts, boxes[:, :3])
    return _bands(np.sqrt(centres[:, 0] ** 2 + centres[:, 1] ** 2), RANGE_EDGES)  # exact to the bit, as hypot is not


def _bands(values: NDArray[Any], edges: Sequence[int]) -> NDArray[np.int64]:
    return np.maximum(np.searchsorted(edges, values, side="right") - 1, 0)


def summary(counts: Sequence[SceneCount], class_names: Sequence[str]) -> dict[str, Any]:
    """The sums of one split, as statistics.json has them: a metric, so few; ranges and points are in objects.csv."""
    objects = _total(counts, len(class_names))
    return {
        "scenes": sorted({count.scene for count in counts if count.frames}),
        "frames": sum(count.frames for count in counts),
        "points": sum(count.points for count in counts),
        "objects": _named(class_names, objects.sum(axis=(1, 2))),
        "objects_with_points": _named(class_names, objects[:, :, 1:].sum(axis=(1, 2))),
        "ignored": _merged(count.ignored for count in counts),
        "unknown": _merged(count.unknown for count in counts),
    }


def _total(counts: Iterable[SceneCount], classes: int) -> NDArray[np.int64]:
    start = np.zeros((classes, len(RANGES), len(POINTS)), dtype=np.int64)
    return sum((count.objects for count in counts), start=start)


def _named(names: Sequence[str], numbers: NDArray[np.int64]) -> dict[str, int]:
    return dict(zip(names, numbers.tolist(), strict=True))


def _merged(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))


def objects_csv(counts: Counts, class_names: Sequence[str]) -> str:
    """A line for each split, dataset, class, range and number of points that has objects: bands by where they begin."""
    lines: list[tuple[Any, ...]] = [("split", "dataset", "class", "range_from", "points_from", "objects")]
    for split, scenes in counts.items():
        for dataset in dict.fromkeys(count.dataset for count in scenes):
            table = _total([count for count in scenes if count.dataset == dataset], len(class_names))
            for label, band, points in np.argwhere(table):
                bands = RANGE_EDGES[band], POINT_EDGES[points]
                lines.append((split, dataset, class_names[label], *bands, table[label, band, points]))
    return _csv(lines)


def scenes_csv(counts: Counts, class_names: Sequence[str]) -> str:
    """A line for each scene: its frames, points and objects by class."""
    lines: list[tuple[Any, ...]] = [("split", "dataset", "scene", "frames", "points", *class_names)]
    for split, scenes in counts.items():
        for count in scenes:
            objects = count.objects.sum(axis=(1, 2)).tolist()
            lines.append((split, count.dataset, count.scene, count.frames, count.points, *objects))
    return _csv(lines)


def _csv(lines: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
