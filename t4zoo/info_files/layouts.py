"""The layouts of info files: ours, which AWML's and mmdet3d's classes read too, and those that are theirs alone."""

from __future__ import annotations

import dataclasses
import io
import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from t4zoo import unpickle
from t4zoo.info import Frame, record_of
from t4zoo.info_files.form import Form
from t4zoo.pickled_columns import Records
from t4zoo.pickling import HEAD, TAIL, Pickling

OURS, AWML, MMDET3D = "t4zoo", "awml", "mmdet3d"
LAYOUTS = (OURS, AWML, MMDET3D)
Record = dict[str, Any]

# What mmdet3d 1.4's converter of nuScenes writes, the newest form of its info files.
_MMDET3D_FRAME = (
    "sample_idx", "token", "timestamp", "ego2global", "images", "lidar_points", "lidar_sweeps", "instances",
    "pred_instances_3d",
)  # fmt: skip
_NOT_MMDET3D = ("gt_nusc_name", "gt_attrs", "instance_token")  # of a box


def extra_of(layout: str, form: Form) -> Record:
    """The metainfo of a file in that layout, beside `classes` and `version`."""
    if layout == AWML:
        return {}
    if layout == MMDET3D:
        categories = {name: label for label, name in enumerate(form.classes)}
        return {"categories": categories, "dataset": str(form.extra.get("dataset", "t4")), "info_version": "1.1"}
    return form.extra


def laid_out(layout: str, frames: Iterable[Frame], pickling: Pickling) -> bytes:
    """The frames as `Writer.add_pickled` takes them."""
    records = (_LAYOUTS[layout](record_of(frame)) for frame in frames)
    return b"".join(code + pickle.APPEND for code in pickling.values(records))


def as_pickled(frame: Frame) -> Record:
    """The frame as a reader of our pickled files has it: builtins alone."""
    record: Record = unpickle.load(io.BytesIO(HEAD + Pickling().value(record_of(frame)) + TAIL))
    return record


def _awml(record: Record) -> Record:
    """AWML's file has all of ours but for the two identities."""
    kept = {key: value for key, value in record.items() if key != "scene"}
    return kept | {"instances": _without(record["instances"], ("instance_token",))}


def _mmdet3d(record: Record) -> Record:
    """A camera without an image is left out: mmdet3d would join its path, which is None."""
    kept = {key: record[key] for key in _MMDET3D_FRAME if key in record}
    kept["images"] = {name: image for name, image in record["images"].items() if image.get("img_path")}
    return kept | {"instances": _without(record["instances"], _NOT_MMDET3D)}


def _without(rows: Records, names: Sequence[str]) -> Records:
    words = {name: column for name, column in rows.words.items() if name not in names}
    texts = {name: column for name, column in rows.texts.items() if name not in names}
    return dataclasses.replace(rows, words=words, texts=texts)


_LAYOUTS: dict[str, Callable[[Record], Record]] = {OURS: dict, AWML: _awml, MMDET3D: _mmdet3d}
