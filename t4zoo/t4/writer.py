"""Writes the 13 mandatory tables of a T4 scene, whole or not at all and always as the same bytes."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
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
    return dataclasses.replace(
        tables,
        category=tuple(Category(token("category", name), name) for name in names),
        attribute=tuple(Attribute(token("attribute", name), name) for name in attributes),
        visibility=(UNMEASURED,),
        instance=tuple(_instance(scene_key, name, chain) for name, chain in chains.items()),
        sample_annotation=tuple(row for name, chain in chains.items() for row in _annotations(scene_key, name, chain)),
    )


def _instance(scene_key: str, track: str, chain: list[Box]) -> Instance:
    if len({box.category for box in chain}) > 1:
        raise WriteError(f"{scene_key}: track {track} changes its category; give every track one")
    return Instance(
        token=token(scene_key, "instance", track),
        category_token=token("category", chain[0].category),
        instance_name=f"{scene_key.split('/')[0]}::{track}",
        nbr_annotations=len(chain),
        first_annotation_token=_annotation_token(scene_key, chain[0]),
        last_annotation_token=_annotation_token(scene_key, chain[-1]),
    )


def _annotation_token(scene_key: str, box: Box) -> str:
    return token(scene_key, "sample_annotation", box.track, box.sample_token)


def _annotations(scene_key: str, track: str, chain: list[Box]) -> Iterator[SampleAnnotation]:
    tokens = ["", *(_annotation_token(scene_key, box) for box in chain), ""]
    for box, (before, own), (_, after) in zip(chain, pairwise(tokens), pairwise(tokens[1:]), strict=False):
        yield SampleAnnotation(
            token=own,
            sample_token=box.sample_token,
            instance_token=token(scene_key, "instance", track),
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
    rows = [_record(record) for record in records]
    rows.sort(key=lambda row: (row.get("timestamp", 0), row["token"]))
    if len({row["token"] for row in rows}) != len(rows):
        raise WriteError(f"{folder / name}.json: two records would have the same token; give every record its own")
    try:
        lines = map(_JSON.encode, rows)
        return "[" + ",".join(f"\n{line}" for line in lines) + "\n]\n"
    except ValueError as error:
        raise WriteError(f"{folder / name}.json: a number is infinite or not a number ({error})") from error


def _record(record: Any) -> dict[str, Any]:
    """The fields of a record that are set, in their order, as JSON has them."""
    names = _field_names(record.__class__)
    return {name: _plain(value) for name in names if (value := getattr(record, name)) is not None}


@functools.cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return round(float(value), DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return _record(value) if dataclasses.is_dataclass(value) else value
