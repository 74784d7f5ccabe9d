"""What a frame is, and the info file that lists frames: the one language that every stage speaks.

An info file is a pickle of builtins, `{"metainfo": {"classes", "version", ...}, "data_list": [frame, ...]}`, in the
layout that AWML's and mmdet3d's dataset classes read. Frames are dataclasses here and dicts only at the file's edge.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from t4zoo import unpickle
from t4zoo.errors import T4zooError
from t4zoo.pickled_columns import Records
from t4zoo.pickling import HEAD, TAIL, Pickling
from t4zoo.whole import whole

Array = NDArray[np.float64]

AT_ONCE = 1_000  # frames that are pickled together: faster than one by one, and bounded


class InfoError(T4zooError):
    """An info file that is missing, is not one, or holds a frame that breaks the layout."""


@dataclass(frozen=True, eq=False)
class Instances:
    """The annotated boxes of one frame, as columns of N rows, in the frame's lidar coordinates.

    boxes: (N, 7) x, y, z of the centre, length, width, height [m], yaw about +z from +x [rad].
    velocities: (N, 2) vx, vy [m/s], NaN where unknown. labels: (N,) index into the info's classes, -1 to ignore.
    num_lidar_pts, num_radar_pts: (N,) points inside. categories: N raw T4 category names.
    attributes: N tuples of attribute names. tokens: N instance tokens, "" where there is none.
    """

    boxes: Array
    velocities: Array
    labels: NDArray[np.int64]
    num_lidar_pts: NDArray[np.int64]
    num_radar_pts: NDArray[np.int64]
    categories: tuple[str, ...]
    attributes: tuple[tuple[str, ...], ...]
    tokens: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.boxes)

    @staticmethod
    def empty() -> Instances:
        """No rows."""
        none = np.zeros(0, dtype=np.int64)
        return Instances(np.zeros((0, 7)), np.zeros((0, 2)), none, none, none, (), ())


@dataclass(frozen=True, eq=False)
class Predictions:
    """Boxes that a model or a filter gave for one frame, as columns of N rows, in the frame's lidar coordinates.

    boxes, velocities, labels: as in `Instances`. scores: (N,) in 0..1. ids: N uuid strings, stable between runs.
    """

    boxes: Array
    velocities: Array
    labels: NDArray[np.int64]
    scores: Array
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, index: NDArray[Any]) -> Predictions:
        """The rows that `index` (integers or a mask) selects, in its order."""
        rows = np.flatnonzero(index) if index.dtype == bool else index
        return Predictions(
            self.boxes[rows],
            self.velocities[rows],
            self.labels[rows],
            self.scores[rows],
            tuple(self.ids[i] for i in rows),
        )

    @staticmethod
    def empty() -> Predictions:
        """No rows."""
        return Predictions(np.zeros((0, 7)), np.zeros((0, 2)), np.zeros(0, dtype=np.int64), np.zeros(0), ())


@dataclass(frozen=True, eq=False)
class Sweep:
    """An earlier cloud that is added to a frame.

    timestamp [s]. lidar_path as in `Frame`. lidar2ego, ego2global: (4, 4) at the sweep's own time.
    lidar2sensor: (4, 4) takes a point from the *frame's* lidar coordinates to this sweep's (mmdet3d's meaning).
    """

    timestamp: float
    token: str
    lidar_path: str
    lidar2ego: Array
    ego2global: Array
    lidar2sensor: Array
    num_pts_feats: int


@dataclass(frozen=True, eq=False)
class Frame:
    """One sample of a scene.

    lidar_path is relative to the data root: `{dataset}/{T4 id}/{revision}/data/LIDAR_CONCAT/00000.pcd.bin`.
    lidar2ego, ego2global: (4, 4). timestamp [s]. scene is `{T4 id}/{revision}`, the identity of the scene.
    images: channel -> the calibrated image's fields, as the info layout names them.
    lidar_sources: channel -> {sensor_token, translation, rotation}.
    """

    sample_idx: int
    token: str
    timestamp: float
    scene: str
    scene_token: str
    scene_name: str
    location: str
    lidar_path: str
    num_pts_feats: int
    lidar2ego: Array
    ego2global: Array
    sweeps: tuple[Sweep, ...] = ()
    instances: Instances = field(default_factory=Instances.empty)
    predictions: Predictions | None = None
    images: dict[str, Any] = field(default_factory=dict)
    lidar_sources: dict[str, Any] = field(default_factory=dict)
    city: str = ""
    vehicle_type: str = ""


@dataclass(frozen=True)
class Info:
    """A list of frames with the classes that its labels index, and the name of what it was made for.

    extra: further entries of the file's `metainfo`, builtins only.
    """

    classes: tuple[str, ...]
    version: str
    frames: tuple[Frame, ...]
    extra: dict[str, Any] = field(default_factory=dict)


# Texts that recur from frame to frame, spelt out once in a file's head: keys, and what T4 calls attributes. A file's
# classes are added. Whatever is missing here is spelt out where it stands.
WORDS = (
    "", "sample_idx", "token", "timestamp", "scene", "scene_token", "scene_name", "location", "city", "vehicle_type",
    "ego2global", "images", "lidar_points", "num_pts_feats", "lidar_path", "lidar2ego", "radar_points", "radar_path",
    "radar2ego", "image_sweeps", "lidar_sweeps", "instances", "instances_ignore", "pts_semantic_mask_path",
    "pts_instance_mask_path", "lidar_sources", "sample_data_token", "lidar2sensor", "img_path", "height", "width",
    "depth_map", "cam2img", "lidar2img", "cam2ego", "lidar2cam", "sensor_token", "translation", "rotation",
    "bbox_3d", "bbox_label", "bbox_label_3d", "velocity", "num_lidar_pts", "num_radar_pts", "bbox_3d_isvalid",
    "gt_nusc_name", "gt_attrs", "instance_token", "pred_instances_3d", "bbox_score_3d", "instance_id_3d",
    *(f"occlusion_state.{state}" for state in ("none", "partial", "most", "full", "unknown")),
    *(f"vehicle_state.{state}" for state in ("driving", "moving", "stopped", "parked", "unknown")),
    *(f"cycle_state.{state}" for state in ("with_rider", "without_rider")),
    *(f"motorcycle_state.{state}" for state in ("with_rider", "without_rider")),
    *(f"pedestrian_state.{state}" for state in ("standing", "moving", "sitting_lying_down", "unknown")),
)  # fmt: skip


class Writer:
    """Adds frames to an info file that is being written, and does not keep them."""

    def __init__(self, file: BinaryIO, pickling: Pickling) -> None:
        self._file, self._pickling = file, pickling

    def __call__(self, frames: Iterable[Frame]) -> None:
        """Add frames."""
        for frame in frames:
            self.add_pickled(pickled([frame], self._pickling))

    @property
    def place(self) -> int:
        """Where in the file what is added next will be."""
        return self._file.tell()

    def add_pickled(self, frames: bytes) -> None:
        """Add what `pickled` made for the classes of this file."""
        self._file.write(frames)


def pickling_for(classes: Sequence[str]) -> Pickling:
    """What pickles the frames of an info file that has these classes."""
    return Pickling((*WORDS, *classes))


def pickled(frames: Iterable[Frame], pickling: Pickling) -> bytes:
    """The frames as every info file with the same classes has them, whatever stands before them; faster together."""
    rest, codes = iter(frames), list[bytes]()
    while batch := list(islice(rest, AT_ONCE)):
        codes += pickling.values(map(record_of, batch))
    return b"".join(code + pickle.APPEND for code in codes)


def save(path: Path, info: Info) -> None:
    """Write `info` whole or not at all; equal infos give equal bytes under any hash seed and on any machine."""
    with saving(path, info.classes, info.version, info.extra) as write:
        write(info.frames)


@contextmanager
def saving(path: Path, classes: Sequence[str], version: str, extra: dict[str, Any]) -> Iterator[Writer]:
    """Write an info file whole or not at all: each call of what this gives adds frames, which it does not keep.

    classes, version, extra: as in `Info`. The bytes are those of `save`, however the frames are dealt out.
    """
    pickling = pickling_for(classes)
    meta = {"classes": list(classes), "version": version, **extra}
    with whole(path) as temporary, temporary.open("wb") as file:
        file.write(HEAD + pickling.head() + pickle.EMPTY_DICT)
        file.write(pickling.value("metainfo") + pickling.value(meta) + pickle.SETITEM)
        file.write(pickling.value("data_list") + pickle.EMPTY_LIST)
        yield Writer(file, pickling)
        file.write(pickle.SETITEM + TAIL)


def require_sweeps(info: Info, path: Path, wanted: int) -> None:
    """Raise InfoError when the frames hold fewer earlier clouds than a model was made for: it would see too little.

    Only this project's files say what they hold; others pass.
    """
    held = info.extra.get("max_sweeps", wanted)
    if held < wanted:
        raise InfoError(
            f"{path}: was made with max_sweeps {held}, and the model takes {wanted} earlier clouds; "
            "raise the product's max_sweeps and run create_info again"
        )


def content(path: Path) -> Any:
    """What the file holds, as builtins and arrays, unjudged. Raises InfoError as `load` does, for what is no pickle."""
    try:
        with Path(path).open("rb") as file:
            return unpickle.load(file)
    except FileNotFoundError:
        raise InfoError(f"{path}: no such info file; `dvc repro create_info` or `dvc pull` brings it") from None
    except unpickle.UnpickleError as error:
        raise InfoError(f"{path}: not an info file ({error})") from error


def load(path: Path) -> Info:
    """Read an info file of ours or of AWML, without running anything that it contains.

    Raises InfoError when the file is missing, is no info file, or names anything but builtins and numpy arrays.
    """
    data = content(path)
    try:
        meta = dict(data["metainfo"])
        classes, version = tuple(meta.pop("classes")), str(meta.pop("version"))
        return Info(classes, version, tuple(frame_of(frame) for frame in data["data_list"]), meta)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise InfoError(f"{path}: breaks the info layout: {error!r} is missing or malformed") from error


def record_of(frame: Frame) -> dict[str, Any]:
    """The frame as an info file holds it, but with `Records` in place of lists of boxes."""
    data: dict[str, Any] = {
        "sample_idx": frame.sample_idx,
        "token": frame.token,
        "timestamp": frame.timestamp,
        "scene": frame.scene,
        "scene_token": frame.scene_token,
        "scene_name": frame.scene_name,
        "location": frame.location,
        "city": frame.city,
        "vehicle_type": frame.vehicle_type,
        "ego2global": frame.ego2global,
        "images": frame.images,
        "lidar_points": {
            "num_pts_feats": frame.num_pts_feats,
            "lidar_path": frame.lidar_path,
            "lidar2ego": frame.lidar2ego,
        },
        "radar_points": {"num_pts_feats": None, "radar_path": None, "radar2ego": None},
        "image_sweeps": [],
        "lidar_sweeps": [_sweep_to_dict(sweep) for sweep in frame.sweeps],
        "instances": _instance_records(frame.instances),
        "instances_ignore": [],
        "pts_semantic_mask_path": None,
        "pts_instance_mask_path": None,
        "lidar_sources": frame.lidar_sources,
    }
    if frame.predictions is not None:
        data["pred_instances_3d"] = _prediction_records(frame.predictions)
    return data


def _sweep_to_dict(sweep: Sweep) -> dict[str, Any]:
    return {
        "timestamp": sweep.timestamp,
        "sample_data_token": sweep.token,
        "ego2global": sweep.ego2global,
        "lidar_points": {
            "lidar_path": sweep.lidar_path,
            "lidar2ego": sweep.lidar2ego,
            "num_pts_feats": sweep.num_pts_feats,
            "lidar2sensor": sweep.lidar2sensor,
        },
        "images": {},
    }


def _instance_records(rows: Instances) -> Records:
    # mmdet3d makes one array of a frame's gt_attrs, and numpy from 1.24 on refuses rows of different lengths.
    most = max(map(len, rows.attributes), default=0)
    numbers = {
        "bbox_3d": rows.boxes,
        "bbox_label": rows.labels,
        "bbox_label_3d": rows.labels,
        "velocity": rows.velocities,
        "num_lidar_pts": rows.num_lidar_pts,
        "num_radar_pts": rows.num_radar_pts,
        "bbox_3d_isvalid": rows.num_lidar_pts > 0,
    }
    attributes = [(*names, *("",) * (most - len(names))) for names in rows.attributes]
    words = {"gt_nusc_name": rows.categories, "gt_attrs": attributes}
    return Records(len(rows), numbers, words, {"instance_token": rows.tokens or ("",) * len(rows)})


def _prediction_records(rows: Predictions) -> Records:
    numbers = {
        "bbox_3d": rows.boxes,
        "velocity": rows.velocities,
        "bbox_label_3d": rows.labels,
        "bbox_score_3d": rows.scores,
    }
    return Records(len(rows), numbers, texts={"instance_id_3d": rows.ids})


def frame_of(data: dict[str, Any]) -> Frame:
    """A frame of a file's `data_list`; raises LookupError, TypeError, ValueError and more where it is none."""
    lidar = data["lidar_points"]
    predicted = data.get("pred_instances_3d")
    return Frame(
        sample_idx=int(data["sample_idx"]),
        token=str(data["token"]),
        timestamp=float(data["timestamp"]),
        scene=str(data.get("scene") or scene_of(lidar["lidar_path"])),
        scene_token=str(data.get("scene_token") or ""),
        scene_name=str(data.get("scene_name") or ""),
        location=str(data.get("location") or ""),
        lidar_path=str(lidar["lidar_path"]),
        num_pts_feats=int(lidar["num_pts_feats"]),
        lidar2ego=_matrix(lidar["lidar2ego"]),
        ego2global=_matrix(data["ego2global"]),
        sweeps=tuple(_sweep_from_dict(sweep, lidar["num_pts_feats"]) for sweep in data.get("lidar_sweeps", [])),
        instances=_instances_from_list(data.get("instances", [])),
        predictions=None if predicted is None else _predictions_from_list(predicted),
        images=data.get("images") or {},
        lidar_sources=data.get("lidar_sources") or {},
        city=str(data.get("city") or ""),
        vehicle_type=str(data.get("vehicle_type") or ""),
    )


def scene_of(lidar_path: str) -> str:
    """`{T4 id}/{revision}` of a path that ends in `{T4 id}/{revision}/data/{channel}/{file}`.

    Scenes that nobody has annotated may have no revision folder; theirs is `{T4 id}`.
    """
    *above, name, _, _, _ = ("", "", "", *lidar_path.split("/"))
    return f"{above[-1]}/{name}" if name.isdecimal() and above[-1] else name


def _sweep_from_dict(data: dict[str, Any], features: Any) -> Sweep:
    lidar = data["lidar_points"]
    return Sweep(
        timestamp=float(data["timestamp"]),
        token=str(data["sample_data_token"]),
        lidar_path=str(lidar["lidar_path"]),
        lidar2ego=_matrix(lidar["lidar2ego"]),
        ego2global=_matrix(data["ego2global"]),
        lidar2sensor=_matrix(lidar["lidar2sensor"]),
        num_pts_feats=int(lidar.get("num_pts_feats") or features),  # mmdet3d's own files leave it out
    )


def _instances_from_list(rows: Iterable[dict[str, Any]]) -> Instances:
    rows = list(rows)
    return Instances(
        boxes=_columns([row["bbox_3d"] for row in rows], 7),
        velocities=_columns([row.get("velocity", (math.nan, math.nan)) for row in rows], 2),
        labels=np.array([row["bbox_label_3d"] for row in rows], dtype=np.int64),
        num_lidar_pts=np.array([row.get("num_lidar_pts", 0) for row in rows], dtype=np.int64),
        num_radar_pts=np.array([row.get("num_radar_pts", 0) for row in rows], dtype=np.int64),
        categories=tuple(str(row.get("gt_nusc_name", "")) for row in rows),
        attributes=tuple(tuple(name for name in row.get("gt_attrs", ()) if name) for row in rows),
        tokens=tuple(str(row.get("instance_token", "")) for row in rows),
    )


def _predictions_from_list(rows: Iterable[dict[str, Any]]) -> Predictions:
    rows = list(rows)
    return Predictions(
        boxes=_columns([row["bbox_3d"] for row in rows], 7),
        velocities=_columns([row["velocity"] for row in rows], 2),
        labels=np.array([row["bbox_label_3d"] for row in rows], dtype=np.int64),
        scores=np.array([row["bbox_score_3d"] for row in rows], dtype=np.float64),
        ids=tuple(str(row["instance_id_3d"]) for row in rows),
    )


def _columns(rows: Sequence[Any], width: int) -> Array:
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def _matrix(rows: Any) -> Array:
    return np.array(rows, dtype=np.float64).reshape(4, 4)
