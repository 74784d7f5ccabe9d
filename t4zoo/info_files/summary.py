"""What an info file holds, as `t4zoo info show` tells it: figures as JSON holds them, and their tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from t4zoo.info_files.counts import FrameCounts
from t4zoo.info_files.one_frame import plain
from t4zoo.info_files.opened import Opened
from t4zoo.labels.tables import Cell, Table

MOST = 20  # scenes and categories that a screen shows
IGNORED = "(no class)"

Data = dict[str, Any]


class _Tally:
    """What has been counted of the frames so far."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = classes
        self.objects, self.empty, self.predicted = Counter[str](), Counter[str](), Counter[str]()
        self.categories, self.scenes, self.in_scenes = Counter[str](), Counter[str](), Counter[str]()
        self.sweeps: Counter[int] = Counter()
        self.features: Counter[int] = Counter()
        self.images = self.told = 0
        self.first: float | None = None
        self.last: float | None = None

    def add(self, frame: FrameCounts) -> None:
        names = list(map(self._name, frame.labels))
        self.objects.update(names)
        self.empty.update(name for name, empty in zip(names, frame.empty, strict=True) if empty)
        self.categories.update(name for name in frame.categories if name)
        self.scenes[frame.scene] += 1
        self.in_scenes[frame.scene] += len(names)
        self.sweeps[frame.sweeps] += 1
        self.features.update([] if frame.features is None else [frame.features])
        self.images += frame.images
        if frame.predicted is not None:
            self.told += 1
            self.predicted.update(map(self._name, frame.predicted))
        if frame.timestamp is not None:
            self.first = frame.timestamp if self.first is None else min(self.first, frame.timestamp)
            self.last = frame.timestamp if self.last is None else max(self.last, frame.timestamp)

    def _name(self, label: int) -> str:
        return self.classes[label] if 0 <= label < len(self.classes) else IGNORED


def summarise(opened: Opened, advance: Callable[[int], None] = lambda frames: None) -> Data:
    """What `t4zoo info show --json` prints. Raises InfoError or ParquetError where a frame cannot be read."""
    form, tally = opened.form, _Tally(opened.form.classes)
    for frame in opened.counts():
        tally.add(frame)
        advance(1)
    return {
        "file": opened.path.name,
        "bytes": opened.path.stat().st_size,
        "format": "parquet" if opened.path.suffix == ".parquet" else "pickle",
        "layout": form.maker,
        "doubts": list(form.doubts),
        "version": form.version,
        "classes": list(form.classes),
        "metainfo": plain(form.extra),
        "frames": len(opened),
        "from_s": tally.first,
        "to_s": tally.last,
        "sweeps": {str(count): frames for count, frames in sorted(tally.sweeps.items())},
        "point_features": sorted(tally.features),
        "images": tally.images,
        "predicted_frames": tally.told,
        "objects": list(_objects(tally)),
        "categories": dict(sorted(tally.categories.items())),
        "scenes": [{"scene": name, "frames": n, "objects": tally.in_scenes[name]} for name, n in tally.scenes.items()],
        "not_understood": opened.unknown(),
    }


def _objects(tally: _Tally) -> Iterator[Data]:
    others = [IGNORED] if tally.objects[IGNORED] or tally.predicted[IGNORED] else []
    for name in (*tally.classes, *others):
        row: Data = {"class": name, "objects": tally.objects[name], "without_points": tally.empty[name]}
        yield row | ({"predicted": tally.predicted[name]} if tally.told else {})


def heading(data: Data) -> Iterator[str]:
    """A summary's lines above its tables."""
    yield f"{data['file']}: {data['format']} of {data['bytes']:,} bytes in the layout of {data['layout']}"
    yield f"version {data['version'] or '-'}; {data['frames']:,} frames of {len(data['scenes']):,} scenes"
    if data["from_s"] is not None:
        yield f"from {data['from_s']:.3f} to {data['to_s']:.3f} s"
    sweeps = ", ".join(f"{count} in {frames:,} frames" for count, frames in data["sweeps"].items())
    yield f"earlier clouds: {sweeps or 'none'}; images: {data['images']:,}"
    yield f"features of a point: {', '.join(map(str, data['point_features'])) or '-'}"
    if data["predicted_frames"]:
        yield f"predictions in {data['predicted_frames']:,} frames"
    for name, value in data["metainfo"].items():
        yield f"{name}: {value if isinstance(value, str | int | float) else _brief(value)}"
    yield from (f"not understood: {doubt}" for doubt in data["doubts"])


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else f"{text[:160]}..."


def tables(data: Data) -> list[Table]:
    """A summary's tables; those without rows are left out."""
    ranked = sorted(data["categories"].items(), key=lambda one: (-one[1], one[0]))
    names: list[dict[str, Cell]] = [{"category": name, "objects": count} for name, count in ranked[:MOST]]
    odd: list[dict[str, Cell]] = [{"key": key, "frames": count} for key, count in data["not_understood"].items()]
    made = [
        Table("Objects", "", data["objects"]),
        Table("Categories", _more(len(ranked)), names),
        Table("Scenes", _more(len(data["scenes"])), data["scenes"][:MOST]),
        Table("Not understood", "What t4zoo has no place for; a conversion would lose it.", odd),
    ]
    return [table for table in made if table.rows]


def _more(count: int) -> str:
    return f"The first {MOST} of {count:,}; --json has all." if count > MOST else ""
