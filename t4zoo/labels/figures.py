"""The figures of a report as JSON holds them: counts, tracks, precision and recall, and the frames to look at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from t4zoo.labels.doubts import Look
from t4zoo.labels.findings import Findings, Subject
from t4zoo.labels.folder import Folder
from t4zoo.labels.settings import CUTS, Settings
from t4zoo.labels.truth import Truth

DECIMALS = 6
LENGTHS = ((1, 1), (2, 4), (5, 9), (10, None))  # of tracks, in frames, as tables group them

Data = dict[str, Any]


def counts(subject: Subject) -> Iterator[Data]:
    """Boxes by class and band, and how many of them each threshold would leave."""
    for label, name in enumerate(subject.source.classes):
        for band, (low, high) in enumerate(subject.counts.bands):
            left = dict(zip(_cuts(), subject.counts.left[label, band].tolist(), strict=True))
            total = int(subject.counts.total[label, band])
            yield {"of": subject.source.name, "class": name, "range_m": [low, high], "boxes": total, "left_at": left}


def histograms(subject: Subject) -> Iterator[Data]:
    """Boxes by class and score, in bins of equal width from 0 to 1."""
    for name, row in zip(subject.source.classes, subject.counts.histogram.tolist(), strict=True):
        yield {"of": subject.source.name, "class": name, "boxes": row}


def of_labels(found: Findings, classes: tuple[str, ...]) -> Data:
    """Tracks, jumps, labels with few points and overlaps."""
    tracks = found.tracks
    rows = np.array([tracks.labels, tracks.lengths, tracks.seconds, tracks.gaps], dtype=np.float64)
    return {
        "tracked": found.tracked,
        "tracks": [_tracks(name, rows[1:, rows[0] == label]) for label, name in enumerate(classes)],
        "jumps": [
            {"scene": one.scene, "frame": one.frame, "class": one.name}
            | {"track": one.jump.track, "what": one.jump.what, "value": one.jump.value}
            for one in found.jumps
        ],
        "few_points": {name: found.few[name] for name in classes} if found.points_known else None,
        "overlaps": [{"classes": list(pair), "pairs": count} for pair, count in sorted(found.overlaps.items())],
    }


def _tracks(name: str, rows: np.ndarray) -> Data:
    lengths, seconds, gaps = rows
    groups = {
        (f"{low}" if low == high else f"{low}-{high}" if high else f"{low}+"): int(
            np.count_nonzero((lengths >= low) & (lengths <= (high or math.inf)))
        )
        for low, high in LENGTHS
    }
    median = {"median_frames": np.median(lengths), "median_s": np.median(seconds)} if len(lengths) else {}
    return {"class": name, "tracks": len(lengths), "frames": groups, "missing_frames": int(gaps.sum())} | median


def against(truth: Truth, found: Findings, settings: Settings) -> Data:
    """Precision, recall and average precision of everybody, by class and band."""
    classes = {name for subject in found.subjects for name in subject.source.classes}
    return {
        "path": truth.path.name,
        "frames": found.judged,
        "frames_without": found.frames - found.judged,
        "objects": sum(map(len, found.objects)),
        "objects_farther": sum(int(np.count_nonzero(far > found.reach)) for far in found.objects),
        "farthest_box_m": found.reach,
        "classes_only_in_truth": sorted(set(truth.classes) - classes),
        "classes_only_in_boxes": sorted(classes - set(truth.classes)),
        "judged": [row for subject in found.subjects for row in _judged(subject, settings)],
    }


def _judged(subject: Subject, settings: Settings) -> Iterator[Data]:
    judge = subject.judge
    column = settings.columns.index(settings.distance)
    for label, name in enumerate(subject.source.classes):
        for band, (low, high) in enumerate(settings.bands):
            found = judge.matches(label, band)
            each = {
                distance: found.average_precision(place, settings.min_recall, settings.min_precision)
                for place, distance in enumerate(settings.columns)
            }
            yield {
                "of": subject.source.name,
                "class": name,
                "range_m": [low, high],
                "objects": found.truths,
                "boxes": len(found.scores),
                "AP": sum(each[distance] for distance in settings.distances) / len(settings.distances),
                **{f"AP_{distance:g}m": value for distance, value in each.items()},
                "precision": found.precision(0.0, column),
                "recall": found.recall(0.0, column),
                "precision_at": dict(zip(_cuts(), (found.precision(cut, column) for cut in CUTS), strict=True)),
                "recall_at": dict(zip(_cuts(), (found.recall(cut, column) for cut in CUTS), strict=True)),
            }


def to_look_at(look: Look, folder: Folder) -> Data:
    """A frame that needs a look, with the reasons."""
    frame = folder.labels.read(look.scene).frames[look.index]
    reasons = {reason: count for reason, count in look.reasons.items() if count}
    return {
        "scene": look.scene,
        "frame": look.index,
        "token": frame.token,
        "lidar_path": frame.lidar_path,
        "need": look.need,
        "reasons": reasons,
    }


def _cuts() -> tuple[str, ...]:
    return tuple(f"{cut:g}" for cut in CUTS)


def plain_data(value: Any) -> Any:
    """Builtins alone: floats of 6 decimals, null for what is not known."""
    if isinstance(value, dict):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item) for item in value]
    if isinstance(value, float | np.floating):
        return round(float(value), DECIMALS) + 0.0 if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
