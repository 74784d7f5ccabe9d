"""What was annotated in a scene, frame by frame, as digests to compare: from its tables, or from an info file.

A frame is known by its time, since a scene that is published again may have other tokens. Its boxes are compared with
the objects that they are of where the two scenes share tokens of objects, and without them where they share none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from t4zoo.errors import T4zooError
from t4zoo.info import Frame

TABLES = ("attribute", "category", "instance", "sample", "sample_annotation", "visibility")  # .json, in annotation/
OWN = ("prev", "next", "token", "sample_token", "instance_token", "attribute_tokens", "visibility_token")


class TablesError(T4zooError):
    """Tables of a scene that cannot be compared, because they are broken."""


@dataclass(frozen=True)
class Annotated:
    """A scene's frames: microseconds -> digests of its boxes, without and with the tokens of their objects.

    objects: those tokens. boxes: of all frames.
    """

    frames: Mapping[int, tuple[str, str]]
    objects: frozenset[str]
    boxes: int


@dataclass(frozen=True)
class FrameChange:
    """added, removed, changed: the times of frames [us]. frames, boxes: how many there are, before and after."""

    added: tuple[int, ...]
    removed: tuple[int, ...]
    changed: tuple[int, ...]
    frames: tuple[int, int]
    boxes: tuple[int, int]

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.changed)


NOTHING = Annotated({}, frozenset(), 0)


def compare(a: Annotated, b: Annotated) -> FrameChange:
    """What became of the frames of `a` in `b`."""
    which = 1 if a.objects & b.objects else 0
    both = sorted(a.frames.keys() & b.frames.keys())
    return FrameChange(
        tuple(sorted(b.frames.keys() - a.frames.keys())),
        tuple(sorted(a.frames.keys() - b.frames.keys())),
        tuple(time for time in both if a.frames[time][which] != b.frames[time][which]),
        (len(a.frames), len(b.frames)),
        (a.boxes, b.boxes),
    )


def of_tables(tables: Mapping[str, bytes], where: str) -> Annotated:
    """The bytes of TABLES, by name; raises TablesError where they are broken. where: what an error calls the scene."""
    try:
        rows = {name: json.loads(tables[name]) for name in TABLES}
        if not all(isinstance(part, list) for part in rows.values()):
            raise TypeError("a table is no list of rows")
        names = {kind: {row["token"]: row["name"] for row in rows[kind]} for kind in ("attribute", "category")}
        levels = {row["token"]: row["level"] for row in rows["visibility"]}
        categories = {row["token"]: names["category"][row["category_token"]] for row in rows["instance"]}
        boxes: dict[str, list[tuple[str, Any]]] = {row["token"]: [] for row in rows["sample"]}
        for row in rows["sample_annotation"]:
            box = {key: value for key, value in row.items() if key not in OWN}
            box["attributes"] = sorted(names["attribute"][token] for token in row["attribute_tokens"])
            box["visibility"] = levels.get(row["visibility_token"], "")
            box["category"] = categories[row["instance_token"]]
            boxes[row["sample_token"]].append((row["instance_token"], box))
        return _annotated({int(row["timestamp"]): boxes[row["token"]] for row in rows["sample"]})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TablesError(f"{where}: its tables are broken ({error!r}); `t4zoo t4 check` says where") from None


def of_frames(frames: Iterable[Frame]) -> Annotated:
    """The frames of one scene of an info file: boxes in the lidar frame to the millimetre, categories, attributes.

    Velocities and labels are left out: they depend on the product's settings as well.
    """
    found = {}
    for frame in frames:
        rows = frame.instances
        columns = (rows.boxes.round(3) + 0.0, rows.num_lidar_pts, rows.num_radar_pts)  # -0.0 becomes 0.0
        contents = zip(*(column.tolist() for column in columns), rows.categories, rows.attributes, strict=True)
        tokens = rows.tokens or ("",) * len(rows)
        found[round(frame.timestamp * 1e6)] = list(zip(tokens, contents, strict=True))
    return _annotated(found)


def _annotated(frames: Mapping[int, list[tuple[str, Any]]]) -> Annotated:
    digests, tokens = {}, set()
    for time, boxes in frames.items():
        contents = [(json.dumps(box, sort_keys=True), token) for token, box in boxes]
        digests[time] = _digest(text for text, _ in contents), _digest(f"{text} {token}" for text, token in contents)
        tokens |= {token for _, token in contents if token}
    return Annotated(digests, frozenset(tokens), sum(len(boxes) for boxes in frames.values()))


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
