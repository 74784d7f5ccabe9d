"""Writes the 13 mandatory tables of a T4 scene, whole or not at all and always as the same bytes."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

from t4zoo.errors import T4zooError
from t4zoo.t4.tables import (
    RECORDS,
    Attribute,
    AutolabelMetadata,
    Category,
    Instance,
    Quaternion,
    SampleAnnotation,
    SceneTables,
    Vector,
    Visibility,
    token,
)

DECIMALS = 9  # metres: far below any sensor, above the last bits in which two CPUs may differ
_DIGITS = f"%.{DECIMALS}f"
_JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False)
UNMEASURED = Visibility(token("visibility", "unavailable"), "unavailable", "How much is seen was not measured")


class WriteError(T4zooError):
    """Tables that cannot be written: the folder is taken, or a value is none that T4 allows."""


@dataclasses.dataclass(frozen=True)
class Box:
    """One box of one object at one instant, in the map frame, before it has tokens.

    track: what identifies the object within the scene. translation: the centre [m]. size: width, length, height [m].
    models: for a box that models made, who they are with their scores; None for a human's or the simulator's.
    """

    track: str
    category: str
    sample_token: str
    translation: Vector
    size: Vector
    rotation: Quaternion
    num_lidar_pts: int
    velocity: Vector | None = None
    attributes: tuple[str, ...] = ()
    models: tuple[AutolabelMetadata, ...] | None = None


def with_boxes(tables: SceneTables, scene_key: str, boxes: Iterable[Box], categories: Iterable[str]) -> SceneTables:
    """`tables` with its annotation replaced by `boxes`; tokens are derived from `scene_key` (`{T4 id}/{revision}`).

    `categories` are written even where no box has them. A track's boxes are chained in the order of the samples.
    Raises WriteError for a box of an unknown sample, a second box of a track in a sample, or a track of two categories.
    """
    order = {sample.token: place for place, sample in enumerate(sorted(tables.sample, key=lambda s: s.timestamp))}
    tracks: dict[str, dict[int, Box]] = {}
    for box in boxes:
        if box.sample_token not in order:
            raise WriteError(f"{scene_key}: track {box.track} has a box in the unknown sample {box.sample_token}")
        track = tracks.setdefault(box.track, {})
        if order[box.sample_token] in track:
            raise WriteError(f"{scene_key}: track {box.track} has two boxes in the sample {box.sample_token}")
        track[order[box.sample_token]] = box
    chains = {name: [track[place] for place in sorted(track)] for name, track in sorted(tracks.items())}
    names = sorted({*categories, *(box.category for chain in chains.values() for box in chain)})
    attributes = sorted({name for chain in chains.values() for box in chain for name in box.attributes})
    objects = [_object_rows(scene_key, name, chain) for name, chain in chains.items()]
    return dataclasses.replace(
        tables,
        category=tuple(Category(token("category", name), name) for name in names),
        attribute=tuple(Attribute(token("attribute", name), name) for name in attributes),
        visibility=(UNMEASURED,),
        instance=tuple(instance for instance, _ in objects),
        sample_annotation=tuple(row for _, rows in objects for row in rows),
    )


def _object_rows(scene_key: str, track: str, chain: list[Box]) -> tuple[Instance, list[SampleAnnotation]]:
    if len({box.category for box in chain}) > 1:
        raise WriteError(f"{scene_key}: track {track} changes its category; give every track one")
    tokens = [token(scene_key, "sample_annotation", track, box.sample_token) for box in chain]
    instance = Instance(
        token=token(scene_key, "instance", track),
        category_token=token("category", chain[0].category),
        instance_name=f"{scene_key.split('/')[0]}::{track}",
        nbr_annotations=len(chain),
        first_annotation_token=tokens[0],
        last_annotation_token=tokens[-1],
    )
    neighbours = zip(chain, tokens, ["", *tokens], [*tokens[1:], ""], strict=False)
    return instance, [_annotation(instance, box, own, before, after) for box, own, before, after in neighbours]


def _annotation(instance: Instance, box: Box, own: str, before: str, after: str) -> SampleAnnotation:
    return SampleAnnotation(
        token=own,
        sample_token=box.sample_token,
        instance_token=instance.token,
        attribute_tokens=tuple(token("attribute", name) for name in box.attributes),
        visibility_token=UNMEASURED.token,
        translation=box.translation,
        size=box.size,
        rotation=box.rotation,
        num_lidar_pts=box.num_lidar_pts,
        num_radar_pts=0,
        next=after,
        prev=before,
        velocity=box.velocity,
        automatic_annotation=box.models is not None,
        autolabel_metadata=box.models,
    )


def without_boxes(tables: SceneTables) -> SceneTables:
    """`tables` of a scene that nobody has annotated."""
    return dataclasses.replace(tables, attribute=(), category=(), visibility=(), instance=(), sample_annotation=())


def write_annotation(folder: Path, tables: SceneTables) -> None:
    """Write `tables` as `folder`, which is a scene's `annotation/`; raises WriteError when it exists already."""
    if folder.exists():
        raise WriteError(f"{folder}: exists already; remove it or write elsewhere")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name in RECORDS:
            (temporary / f"{name}.json").write_text(_table_text(folder, name, getattr(tables, name)), encoding="utf-8")
        temporary.chmod(0o755)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _table_text(folder: Path, name: str, records: Iterable[Any]) -> str:
    rows = sorted(records, key=lambda record: (getattr(record, "timestamp", 0), record.token))
    if len({row.token for row in rows}) != len(rows):
        raise WriteError(f"{folder / name}.json: two records would have the same token; give every record its own")
    try:
        return "[" + ",".join(f"\n{_object(row)}" for row in rows) + "\n]\n"
    except ValueError as error:
        raise WriteError(f"{folder / name}.json: a number is infinite or not a number ({error})") from error


def _object(record: Any) -> str:
    """The fields of a record that are set, in their order, as JSON: what `json.dumps` says of them, rounded, faster."""
    fields = []
    for name, key in _keys(record.__class__):
        value = getattr(record, name)
        if value is not None:
            fields.append(key + _WRITE.get(type(value), _value)(value))
    return "{" + ", ".join(fields) + "}"


@functools.cache
def _keys(kind: Any) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, f'"{field.name}": ') for field in dataclasses.fields(kind))


def _value(value: Any) -> str:
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, tuple | list):
        return _list(value)
    return _object(value) if dataclasses.is_dataclass(value) else _JSON.encode(value)


def _list(values: Iterable[Any]) -> str:
    return "[" + ", ".join([_WRITE.get(type(value), _value)(value) for value in values]) + "]"


def _number(value: float) -> str:
    if 1e-4 <= abs(value) < 1e6:  # 15 digits at most, so the shortest text that is read as the same number is these
        digits = (_DIGITS % value).rstrip("0")
        return digits + "0" if digits[-1] == "." else digits
    return _JSON.encode(round(value, DECIMALS) + 0.0) if value else "0.0"  # + 0.0 turns -0.0 into 0.0


_WRITE: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    float: _number,
    int: repr,
    bool: {False: "false", True: "true"}.__getitem__,
    tuple: _list,
}
