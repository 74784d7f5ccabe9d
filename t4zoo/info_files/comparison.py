"""A difference of two info files as JSON holds it, and its tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from t4zoo.info_files.box_changes import UNITS, BoxChanges
from t4zoo.info_files.difference import Difference
from t4zoo.info_files.one_frame import plain
from t4zoo.labels.tables import Cell, Table

MOST = 20  # scenes and frames that are named on a screen

Data = dict[str, Any]


def compared(a: str, b: str, found: Difference) -> Data:
    """What `t4zoo info diff --json` prints; a and b are the files' names."""
    scenes = Counter[str]()
    for (scene, _), count in found.changed.items():
        scenes[scene] += count
    data: Data = plain(
        {
            "a": a,
            "b": b,
            "same": found.same,
            "metainfo": [{"name": name, "a": one, "b": other} for name, (one, other) in found.metainfo.items()],
            "scenes": {"both": found.scenes, "only_a": found.scenes_a, "only_b": found.scenes_b},
            "frames": {
                "both": found.frames,
                "only_a": [{"scene": scene, "token": token} for scene, token in found.frames_a],
                "only_b": [{"scene": scene, "token": token} for scene, token in found.frames_b],
                "in_other_scenes": found.elsewhere,
                "other_order": found.moved,
            },
            "fields": [{"field": name, "frames": n, "most": most} for name, (n, most) in sorted(found.fields.items())],
            "instances": _boxes(found.instances),
            "predictions": _boxes(found.predictions),
            "changed_scenes": [{"scene": scene, "changes": n} for scene, n in _ranked(scenes)],
            "changed_frames": [
                {"scene": scene, "token": token, "changes": n} for (scene, token), n in _ranked(found.changed)
            ],
        }
    )
    return data


def _ranked(counted: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def _boxes(found: BoxChanges) -> Data:
    kept = {name: one for name, one in found.classes.items() if any(asdict(one).values())}
    return {
        "frames_only_a": found.told_a,
        "frames_only_b": found.told_b,
        "classes": [{"class": name, **asdict(one)} for name, one in kept.items()],
        "changes": [
            {"what": name, "boxes": boxes, "most": most, "unit": UNITS.get(name, "")}
            for name, (boxes, most) in sorted(found.kinds.items())
        ],
    }


def lines(data: Data) -> Iterator[str]:
    """What stands above the tables."""
    frames, scenes = data["frames"], data["scenes"]
    yield f"A {data['a']}, B {data['b']}"
    for name, part in (("scenes", scenes), ("frames", frames)):
        alone = [f"{len(part[f'only_{side}']):,} in {side.upper()} alone" for side in ("a", "b")]
        yield f"{name}: {part['both']:,} in both, {', '.join(alone)}"
    if frames["in_other_scenes"]:
        yield f"{frames['in_other_scenes']:,} frames have the same tokens in scenes of other names"
    if frames["other_order"]:
        yield "the frames that both have stand in another order"
    for kind in ("instances", "predictions"):
        for side in ("a", "b"):
            if count := data[kind][f"frames_only_{side}"]:
                yield f"{kind}: {count:,} frames have some or none in {side.upper()}, where the other says nothing"


def tables(data: Data) -> list[Table]:
    """The tables of a comparison; those without rows are left out."""
    return [table for table in _tables(data) if table.rows]


def _tables(data: Data) -> Iterator[Table]:
    meta: list[dict[str, Cell]] = [
        {"name": row["name"], "A": _brief(row["a"]), "B": _brief(row["b"])} for row in data["metainfo"]
    ]
    yield Table("Metainfo", "", meta)
    for name in ("scenes", "frames"):
        for side in ("a", "b"):
            alone = data[name][f"only_{side}"]
            rows = [one if isinstance(one, dict) else {"scene": one} for one in alone[:MOST]]
            yield Table(f"{name} in {side.upper()} alone", _more(len(alone)), rows)
    yield Table("Fields of frames", "Most: the largest difference of a number, or of one in a matrix.", data["fields"])
    for kind in ("instances", "predictions"):
        boxes = data[kind]
        if boxes["changes"] or any(row["only_a"] or row["only_b"] for row in boxes["classes"]):
            yield Table(kind, "Changed: in anything but class.", boxes["classes"])
            yield Table(f"Changes of {kind}", "", boxes["changes"])
    yield Table("Scenes that changed the most", _more(len(data["changed_scenes"])), data["changed_scenes"][:MOST])
    yield Table("Frames that changed the most", _more(len(data["changed_frames"])), data["changed_frames"][:MOST])


def _more(count: int) -> str:
    return f"The first {MOST} of {count:,}; --json has all." if count > MOST else ""


def _brief(value: Any) -> str:
    text = "-" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:160]}..."
