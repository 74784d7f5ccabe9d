"""Whose info file it is: ours, AWML's or mmdet3d's, and what its `metainfo` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.info import InfoError
from t4zoo.info_files.bounds import bounded

OURS, AWML, MMDET3D = "t4zoo", "AWML", "mmdet3d"


@dataclass(frozen=True)
class Form:
    """maker: who writes such files. classes, version, extra: as in `Info`; extra is the rest of the metainfo.

    doubts: why the frames cannot be taken for what `Frame` says; none, where they can.
    """

    maker: str
    classes: tuple[str, ...]
    version: str
    extra: dict[str, Any]
    doubts: tuple[str, ...] = ()


def form_of(path: Path, data: Any) -> tuple[Form, list[Any]]:
    """What a pickle holds, and its list of frames. Raises InfoError where it is no info file."""
    if isinstance(data, list) or (isinstance(data, dict) and "infos" in data):
        raise InfoError(
            f"{path}: an info file of mmdet3d before 1.1; mmdet3d's own "
            "tools/dataset_converters/update_infos_to_v2.py makes one of today's of it"
        )
    if not isinstance(data, dict) or not isinstance(data.get("data_list"), list):
        raise InfoError(f"{path}: no info file; one holds a `metainfo` and a `data_list` of frames")
    meta, frames = data.get("metainfo"), data["data_list"]
    if not isinstance(meta, Mapping):
        raise InfoError(f"{path}: no info file: its metainfo is {_kind(meta)}, and no table of names and values")
    try:
        bounded(meta)
    except ValueError as error:
        raise InfoError(f"{path}: no info file: its metainfo holds {error}") from error
    first = frames[0] if frames and isinstance(frames[0], dict) else {}
    return _form(path, dict(meta), first), frames


def _form(path: Path, meta: dict[str, Any], first: Mapping[str, Any]) -> Form:
    doubts: list[str] = []
    version = meta.pop("version", None)
    if version is not None and not isinstance(version, str | int | float):
        raise InfoError(f"{path}: no info file: its version is {_kind(version)}")
    if "classes" in meta and "categories" not in meta:
        maker, classes = OURS if "scene" in first else AWML, _names(path, meta.pop("classes"))
    elif "categories" in meta:
        maker, meta = MMDET3D, {name: value for name, value in meta.items() if name != "classes"}
        classes, doubts = _numbered(path, meta.pop("categories"))
    elif "CLASSES" in meta:
        maker, classes = MMDET3D, _names(path, meta.pop("CLASSES"))
        doubts = ["it was written before mmdet3d 1.1, when a box's width came before its length"]
    else:
        raise InfoError(f"{path}: no info file: its metainfo names neither classes nor categories")
    if isinstance(points := first.get("lidar_points"), Mapping) and "Tr_velo_to_cam" in points:
        doubts.append("its boxes are in the camera's coordinates, as KITTI's are")
    return Form(maker, classes, "" if version is None else str(version), meta, tuple(doubts))


def _names(path: Path, names: Any) -> tuple[str, ...]:
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InfoError(f"{path}: no info file: its classes are {_kind(names)}, and no list of names")
    return tuple(names)


def _numbered(path: Path, places: Any) -> tuple[tuple[str, ...], list[str]]:
    """The classes in the order of mmdet3d's `categories`, name -> label."""
    if not isinstance(places, Mapping) or not all(
        isinstance(name, str) and isinstance(label, int) for name, label in places.items()
    ):
        raise InfoError(f"{path}: no info file: its categories are {_kind(places)}, and no table of names and labels")
    names = tuple(sorted(places, key=lambda name: (places[name], name)))
    odd = [places[name] for name in names] != list(range(len(names)))
    return names, ["the labels of its categories are not 0, 1, 2 and so on"] if odd else []


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
