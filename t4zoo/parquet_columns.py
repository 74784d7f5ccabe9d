"""A scene's frames as Arrow's columns, one row a frame with its boxes in lists, and back."""

from __future__ import annotations

import dataclasses
import json
import math
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from t4zoo.boxes import ID, BoxTable
from t4zoo.info import Array, Frame, Instances, Predictions, Sweep
from t4zoo.pickled_columns import DECIMALS, rounded

NUMBERS = ("x", "y", "z", "length", "width", "height", "yaw")  # [m, rad], as the columns of BoxTable.boxes
MATRIX = pa.list_(pa.float64(), 16)  # (4, 4), row by row
TEXTS = ("token", "scene", "scene_token", "scene_name", "location", "city", "vehicle_type", "lidar_path")
MATRICES, NOTES = ("lidar2ego", "ego2global"), ("images", "lidar_sources")
SWEEP = pa.struct(
    [
        ("timestamp", pa.float64()),
        ("token", pa.string()),
        ("lidar_path", pa.string()),
        ("num_pts_feats", pa.int64()),
        *((name, MATRIX) for name in (*MATRICES, "lidar2sensor")),
    ]
)
PLACE = [(name, pa.float64()) for name in (*NUMBERS, "vx", "vy")]  # velocity [m/s], NaN where unknown
KIND = [("label", pa.int32()), ("class", pa.string())]  # the class's place among the file's; null below 0
BOX = pa.struct(
    [
        *PLACE,
        ("score", pa.float64()),
        *KIND,
        ("id", pa.binary(16)),
        ("id_text", pa.string()),  # only where the id is no uuid; `id` is made of it then
    ]
)
INSTANCE = pa.struct(
    [
        *PLACE,
        *KIND,
        ("num_lidar_pts", pa.int64()),
        ("num_radar_pts", pa.int64()),
        ("category", pa.string()),
        ("attributes", pa.list_(pa.string())),
        ("token", pa.string()),
    ]
)
SCHEMA = pa.schema(
    [
        ("sample_idx", pa.int64()),
        ("timestamp", pa.float64()),
        *((name, pa.string()) for name in TEXTS),
        ("num_pts_feats", pa.int64()),
        *((name, MATRIX) for name in MATRICES),
        ("sweeps", pa.list_(SWEEP)),
        *((name, pa.string()) for name in NOTES),  # JSON
        ("instances", pa.list_(INSTANCE)),
        ("boxes", pa.list_(BOX)),  # null where nobody predicted
    ]
)
FRAME = tuple(name for name in SCHEMA.names if name not in ("instances", "boxes"))
_FRAMES = pa.schema([SCHEMA.field(name) for name in FRAME])


def arrays(frames: Sequence[Frame], boxes: BoxTable | None, classes: Sequence[str]) -> list[pa.Array]:
    """The columns of SCHEMA.

    boxes: the predictions of these frames, in place of those that the frames hold.
    Raises TypeError or ValueError for what has no place in the columns.
    """
    rows = [_row(frame) for frame in frames]
    plain = [pa.array([row[name] for row in rows], SCHEMA.field(name).type) for name in FRAME]
    predicted = _told(frames, classes) if boxes is None else _listed(boxes.starts, _box_columns(boxes, classes), BOX)
    return [*plain, _instances(frames, classes), predicted]


def json_of(value: Any) -> str:
    """JSON that keeps the order of keys, with the numbers that a pickled info file has.

    Raises TypeError for what is no builtin, and for keys that are no text.
    """
    return json.dumps(_builtins(value), allow_nan=True)


def frames_of(table: pa.Table) -> tuple[Frame, ...]:
    """The frames without boxes, of the columns FRAME. Raises ValueError or an Arrow error for other columns."""
    columns = table.select(FRAME).cast(_FRAMES)
    if empty := [name for name in FRAME if columns[name].null_count]:
        raise ValueError(f"{empty[0]} is empty")
    return tuple(map(_frame, columns.to_pylist()))


def _frame(row: dict[str, Any]) -> Frame:
    matrices: dict[str, Any] = {name: _matrix(row.pop(name)) for name in MATRICES}
    notes = {name: json.loads(row.pop(name)) for name in NOTES}
    sweeps = tuple(_sweep(sweep) for sweep in row.pop("sweeps"))
    return Frame(**row, **matrices, **notes, sweeps=sweeps)


def box_table(column: pa.Array) -> BoxTable:
    """All predictions of a `boxes` column."""
    values = column.flatten()
    ids = values.field("id")
    return BoxTable(
        _starts(column),
        _numbers(values, NUMBERS),
        _numbers(values, ("vx", "vy")),
        _whole(values, "label"),
        _numbers(values, ("score",))[:, 0],
        np.frombuffer(ids.buffers()[1] or b"", dtype=ID, count=len(ids), offset=16 * ids.offset)
        if len(ids)
        else np.zeros(0, ID),
    )


def predictions_of(column: pa.Array) -> list[Predictions | None]:
    """Each frame's predictions, of a `boxes` column."""
    table, told = box_table(column), column.is_valid().to_pylist()
    values = column.flatten()
    texts = values.field("id_text").to_pylist() if values.type.get_field_index("id_text") >= 0 else [None] * len(values)
    found: list[Predictions | None] = []
    for place, there in enumerate(told):
        rows = table.of_frame(place)
        names = texts[table.starts[place] : table.starts[place + 1]]
        ids = tuple(text if text is not None else name for name, text in zip(rows.ids, names, strict=True))
        found.append(dataclasses.replace(rows, ids=ids) if there else None)
    return found


def instances_of(column: pa.Array) -> list[Instances]:
    """Each frame's annotated boxes, of an `instances` column."""
    values, starts = column.flatten(), _starts(column)
    every = Instances(
        _numbers(values, NUMBERS),
        _numbers(values, ("vx", "vy")),
        _whole(values, "label"),
        _whole(values, "num_lidar_pts"),
        _whole(values, "num_radar_pts"),
        tuple(_filled(values, "category").to_pylist()),
        tuple(map(tuple, _filled(values, "attributes").to_pylist())),
        tuple(_filled(values, "token").to_pylist()),
    )
    columns = [getattr(every, field.name) for field in dataclasses.fields(Instances)]
    bounds = zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    return [Instances(*(rows[start:end] for rows in columns)) for start, end in bounds]


def _row(frame: Frame) -> dict[str, Any]:
    row = {name: getattr(frame, name) for name in ("sample_idx", "timestamp", *TEXTS, "num_pts_feats")}
    row |= {name: rounded(getattr(frame, name)).ravel() for name in MATRICES}
    row |= {name: json_of(getattr(frame, name)) for name in NOTES}
    row["sweeps"] = [_sweep_row(sweep) for sweep in frame.sweeps]
    return row


def _sweep_row(sweep: Sweep) -> dict[str, Any]:
    row = {name: getattr(sweep, name) for name in ("timestamp", "token", "lidar_path", "num_pts_feats")}
    return row | {name: rounded(getattr(sweep, name)).ravel() for name in (*MATRICES, "lidar2sensor")}


def _builtins(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        if strange := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"the key {strange[0]!r} is no text")
        return {key: _builtins(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_builtins(item) for item in value]
    if isinstance(value, float) and math.isfinite(value):
        return round(value, DECIMALS) + 0.0
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"an info file holds builtins only, not {type(value).__name__}")


def _listed(starts: NDArray[np.int64], columns: Sequence[pa.Array], kind: pa.DataType, mask: Any = None) -> pa.Array:
    values = pa.StructArray.from_arrays(columns, fields=list(kind))
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), values, mask=mask)


def _place(boxes: Array, velocities: Array) -> list[pa.Array]:
    return [pa.array(column, pa.float64()) for column in (*rounded(boxes).T, *rounded(velocities).T)]


def _kind(labels: NDArray[np.int64], classes: Sequence[str]) -> list[pa.Array]:
    known = np.where((labels >= 0) & (labels < len(classes)), labels, len(classes))
    return [pa.array(labels, pa.int32()), pa.array([*classes, None], pa.string()).take(pa.array(known))]


def _box_columns(boxes: BoxTable, classes: Sequence[str], texts: Sequence[str | None] = ()) -> list[pa.Array]:
    ids = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(boxes), [None, pa.py_buffer(boxes.ids.tobytes())])
    names = pa.array(texts, pa.string()) if texts else pa.nulls(len(boxes), pa.string())
    kind = _kind(boxes.labels, classes)
    return [*_place(boxes.boxes, boxes.velocities), pa.array(rounded(boxes.scores)), *kind, ids, names]


def _told(frames: Sequence[Frame], classes: Sequence[str]) -> pa.Array:
    """The column of the predictions that the frames themselves hold."""
    rows = [frame.predictions or Predictions.empty() for frame in frames]
    named = [_id(name) for one in rows for name in one.ids]
    spelt = iter([str(uuid.UUID(bytes=key)) for key, _ in named])
    table = BoxTable.of([dataclasses.replace(one, ids=tuple(next(spelt) for _ in one.ids)) for one in rows])
    mask = pa.array([frame.predictions is None for frame in frames], pa.bool_())
    return _listed(table.starts, _box_columns(table, classes, [text for _, text in named]), BOX, mask)


def _id(name: str) -> tuple[bytes, str | None]:
    """The 16 bytes that stand for an id, and the id itself where they are not its spelling."""
    try:
        key = uuid.UUID(name)
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_OID, name).bytes, name
    return key.bytes, None if str(key) == name else name


def _instances(frames: Sequence[Frame], classes: Sequence[str]) -> pa.Array:
    every = [Instances.empty(), *(frame.instances for frame in frames)]
    attributes = [names for rows in every for names in rows.attributes]
    columns = [
        *_place(_stacked(every, "boxes"), _stacked(every, "velocities")),
        *_kind(_stacked(every, "labels"), classes),
        *(pa.array(_stacked(every, name), pa.int64()) for name in ("num_lidar_pts", "num_radar_pts")),
        _texts(name for rows in every for name in rows.categories),
        pa.array(list(map(list, attributes)), pa.list_(pa.string())),
        _texts(name for rows in every for name in rows.tokens or ("",) * len(rows)),
    ]
    return _listed(np.cumsum([len(rows) for rows in every]), columns, INSTANCE)


def _stacked(every: Sequence[Instances], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(rows, name) for rows in every])


def _texts(texts: Iterable[str]) -> pa.Array:
    return pa.array(list(texts), pa.string())


def _starts(column: pa.Array) -> NDArray[np.int64]:
    offsets: NDArray[np.int64] = column.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    starts: NDArray[np.int64] = offsets - offsets[0]
    return starts


def _numbers(values: pa.StructArray, names: Sequence[str]) -> Array:
    columns = [_filled(values, name).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names]
    return np.stack(columns, axis=1)


def _whole(values: pa.StructArray, name: str) -> NDArray[np.int64]:
    found: NDArray[np.int64] = _filled(values, name).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return found


def _filled(values: pa.StructArray, name: str) -> pa.Array:
    column = values.field(name)
    if column.null_count:
        raise ValueError(f"{name} is empty")
    return column


def _sweep(row: dict[str, Any]) -> Sweep:
    matrices: dict[str, Any] = {name: _matrix(row.pop(name)) for name in (*MATRICES, "lidar2sensor")}
    return Sweep(**row, **matrices)


def _matrix(values: list[float]) -> Array:
    return np.array(values, dtype=np.float64).reshape(4, 4)
