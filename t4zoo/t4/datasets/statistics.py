"""How much a product or a dataset holds, from what create_info counted beside its info files, or from these."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from t4zoo.errors import T4zooError, UsageError
from t4zoo.info import load
from t4zoo.t4.dataset_list import SPLITS
from t4zoo.t4.datasets.counting import (
    POINT_EDGES,
    POINTS,
    RANGE_EDGES,
    RANGES,
    SceneCount,
    count_objects,
    objects_csv,
    scenes_csv,
)

OBJECTS, SCENES = "objects.csv", "scenes.csv"
BY_BAND = ("split", "dataset", "class", "range_from", "points_from", "objects")  # the columns of OBJECTS
FIXED = ("split", "dataset", "scene", "frames", "points")  # columns of SCENES before the classes
WORDS = ("split", "dataset", "scene", "class")  # columns that hold no number


class StatisticsError(T4zooError):
    """Statistics that are missing or broken."""


@dataclass(frozen=True)
class Counted:
    """Rows of objects.csv and scenes.csv, as texts by column. source: where they come from. classes: in their order."""

    source: str
    classes: tuple[str, ...]
    objects: tuple[Mapping[str, str], ...]
    scenes: tuple[Mapping[str, str], ...]

    def of(self, dataset: str) -> Counted:
        """What of it is of one dataset."""
        rows = [tuple(row for row in rows if row["dataset"] == dataset) for rows in (self.objects, self.scenes)]
        return Counted(self.source, self.classes, *rows)


def find_counted(root: Path, name: str, products: Mapping[str, Sequence[str]]) -> Counted:
    """Statistics of a product, of a dataset as the first product takes it that has been made, or of a folder of infos.

    products: the datasets of each. Raises UsageError for another name, StatisticsError where nothing is there.
    """
    if name in products:
        return read_counted(root, f"info/{name}")
    taking = [product for product in sorted(products) if name in products[product]]
    for product in taking:
        if (root / "info" / product).is_dir() and (found := read_counted(root, f"info/{product}").of(name)).scenes:
            return found
    if taking:
        raise StatisticsError(
            f"{name}: nothing is counted here; `dvc repro create_info@{taking[0]}` counts it, `dvc pull` brings it"
        )
    if (root / name).is_dir():
        return read_counted(root, name)
    datasets = " ".join(sorted({dataset for names in products.values() for dataset in names})) or "none"
    known = f"products: {' '.join(sorted(products)) or 'none'}; datasets that they take: {datasets}"
    raise UsageError(f"{name}: neither a product, nor a dataset of one, nor a folder of info files; {known}")


def read_counted(root: Path, name: str) -> Counted:
    """What create_info counted in the folder `root / name`; where an older one did not, its info files are counted."""
    folder = root / name
    if not (folder / SCENES).is_file() or not (folder / OBJECTS).is_file():
        return _count_infos(folder, name)
    texts = [(folder / name).read_text(encoding="utf-8") for name in (OBJECTS, SCENES)]
    return parse_counted(name, *texts)


def parse_counted(source: str, objects: str, scenes: str) -> Counted:
    """The two files as rows. Raises StatisticsError where they are not what create_info writes."""
    readers = [csv.DictReader(text.splitlines()) for text in (objects, scenes)]
    rows = [tuple(reader) for reader in readers]
    columns = [tuple(reader.fieldnames or ()) for reader in readers]
    right = columns[0] == BY_BAND and columns[1][:5] == FIXED
    if not right or not all(map(_is_whole, (row for part in rows for row in part))):
        raise StatisticsError(f"{source}: {OBJECTS} or {SCENES} is not what create_info writes; run create_info again")
    return Counted(source, columns[1][5:], *rows)


def _is_whole(row: Mapping[str | None, str | None]) -> bool:
    numbers = [value for name, value in row.items() if name not in WORDS]
    return None not in row and all(value and value.isascii() and value.isdecimal() for value in numbers)


def _count_infos(folder: Path, name: str) -> Counted:
    found = [split for split in SPLITS if (folder / f"info_{split}.pkl").is_file()]
    if not found:
        raise StatisticsError(
            f"{name}: holds neither {SCENES} nor info files; `dvc repro create_info@{folder.name}` or `dvc pull`"
        )
    counts: dict[str, list[SceneCount]] = {}
    classes: tuple[str, ...] = ()
    for split in found:
        info = load(folder / f"info_{split}.pkl")
        classes, counts[split] = info.classes, []
        key = lambda frame: (frame.lidar_path.split("/")[0], frame.scene)  # noqa: E731
        for (dataset, scene), frames in groupby(info.frames, key):
            part = list(frames)
            counts[split].append(SceneCount(dataset, scene, len(part), 0, count_objects(part, len(classes)), {}, {}))
    made = parse_counted(name, objects_csv(counts, classes), scenes_csv(counts, classes))
    return Counted(made.source, classes, made.objects, tuple({**row, "points": ""} for row in made.scenes))


def as_dict(counted: Counted) -> dict[str, Any]:
    """What `--json` prints: of each split the sums, and of each scene what it holds. points: null where unknown."""
    return {
        "source": counted.source,
        "splits": {split: _split(counted, split) for split in SPLITS},
        "scenes": [
            {
                "split": row["split"],
                "dataset": row["dataset"],
                "scene": row["scene"],
                "frames": int(row["frames"]),
                "points": _number(row["points"]),
                "objects": {name: int(row[name]) for name in counted.classes},
            }
            for row in counted.scenes
        ],
    }


def as_csv(counted: Counted) -> dict[str, str]:
    """The tables as files, by their names: of a whole product what create_info wrote, byte for byte."""
    return {
        OBJECTS: _csv(BY_BAND, counted.objects),
        SCENES: _csv((*FIXED, *counted.classes), counted.scenes),
    }


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _split(counted: Counted, split: str) -> dict[str, Any]:
    scenes = [row for row in counted.scenes if row["split"] == split]
    objects = [row for row in counted.objects if row["split"] == split]
    points = [_number(row["points"]) for row in scenes]
    by_class = {name: [row for row in objects if row["class"] == name] for name in counted.classes}
    return {
        "scenes": len(scenes),
        "frames": sum(int(row["frames"]) for row in scenes),
        "points": None if None in points else sum(number for number in points if number is not None),
        "objects": {name: sum(int(row["objects"]) for row in rows) for name, rows in by_class.items()},
        "objects_by_range": {
            name: _bands(rows, "range_from", RANGE_EDGES, RANGES) for name, rows in by_class.items()
        },
        "objects_by_points": {
            name: _bands(rows, "points_from", POINT_EDGES, POINTS) for name, rows in by_class.items()
        },
    }  # fmt: skip


def _bands(
    rows: Iterable[Mapping[str, str]], column: str, edges: Sequence[int], names: Sequence[str]
) -> dict[str, int]:
    rows = list(rows)
    return {
        name: sum(int(row["objects"]) for row in rows if int(row[column]) == edge)
        for edge, name in zip(edges, names, strict=True)
    }


def _number(text: str) -> int | None:
    return int(text) if text else None


def tables(data: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """A title and records for each table that a person sees of `as_dict`."""
    splits = {split: part for split, part in data["splits"].items() if part["scenes"]}
    whole = [
        {
            "split": split,
            "scenes": part["scenes"],
            "frames": part["frames"],
            "points": "not known" if part["points"] is None else part["points"],
            **part["objects"],
        }
        for split, part in splits.items()
    ]
    found = [("Scenes, frames, lidar points, objects", whole)]
    for key, title in (
        ("objects_by_range", "Objects by distance from the ego [m]"),
        ("objects_by_points", "Objects by lidar points in the box"),
    ):
        rows = [
            {"split": split, "class": name, **bands}
            for split, part in splits.items()
            for name, bands in part[key].items()
        ]
        found.append((title, rows))
    return found
