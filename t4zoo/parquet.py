"""The Parquet twin of an info file with predictions: one row a frame, one row group a scene, boxes in list columns.

Any reader of Parquet opens it; here it is written and read scene by scene, so that memory grows with a scene and not
with the set. The file's metadata holds, under `t4zoo`, the info file's `metainfo` as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from t4zoo.boxes import ID, BoxTable
from t4zoo.errors import T4zooError
from t4zoo.info import Array, Frame, Sweep
from t4zoo.pickling import rounded
from t4zoo.whole import whole

META = b"t4zoo"
NUMBERS = ("x", "y", "z", "length", "width", "height", "yaw")  # [m, rad], as the columns of BoxTable.boxes
MATRIX = pa.list_(pa.float64(), 16)  # (4, 4), row by row
TEXTS = ("token", "scene", "scene_token", "scene_name", "location", "city", "vehicle_type", "lidar_path")
SWEEP = pa.struct(
    [
        ("timestamp", pa.float64()),
        ("token", pa.string()),
        ("lidar_path", pa.string()),
        ("num_pts_feats", pa.int32()),
        *((name, MATRIX) for name in ("lidar2ego", "ego2global", "lidar2sensor")),
    ]
)
BOX = pa.struct(
    [
        *((name, pa.float64()) for name in (*NUMBERS, "vx", "vy", "score")),
        ("label", pa.int32()),
        ("id", pa.binary(16)),
    ]
)
SCHEMA = pa.schema(
    [
        ("sample_idx", pa.int32()),
        ("timestamp", pa.float64()),
        *((name, pa.string()) for name in TEXTS),
        ("num_pts_feats", pa.int32()),
        ("lidar2ego", MATRIX),
        ("ego2global", MATRIX),
        ("sweeps", pa.list_(SWEEP)),
        ("images", pa.string()),
        ("lidar_sources", pa.string()),
        ("boxes", pa.list_(BOX)),
    ]
)


CURE = "fetch it again, or run predict again"


class ParquetError(T4zooError):
    """A Parquet file that is missing, is none of ours, or is broken."""


T = TypeVar("T")
Write = Callable[[Sequence[Frame], BoxTable], None]


@contextmanager
def writing(path: Path, classes: Sequence[str], version: str, extra: dict[str, Any]) -> Iterator[Write]:
    """Write a file whole or not at all: each call of what this gives adds one scene's frames and their boxes.

    classes, version, extra: as in `Info`. Equal calls give equal bytes.
    """
    meta = {"classes": list(classes), "version": version, **extra}
    schema = SCHEMA.with_metadata({META: json.dumps(meta, sort_keys=True, ensure_ascii=False).encode()})
    with whole(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:

        def write(frames: Sequence[Frame], boxes: BoxTable) -> None:
            writer.write_table(pa.Table.from_arrays(_arrays(frames, boxes), schema=schema))

        yield write


class BoxFile:
    """A file of boxes, open to be read scene by scene. Raises ParquetError where it cannot be.

    classes, version, extra: as in `Info`. scenes: `{T4 id}/{revision}` of each, in the file's order.
    num_frames: of all scenes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path)
            meta = json.loads(self._file.schema_arrow.metadata[META])
            self.classes, self.version = tuple(meta.pop("classes")), str(meta.pop("version"))
            self.extra: dict[str, Any] = meta
            self.num_frames = int(self._file.metadata.num_rows)
            self.scenes = tuple(self._scene(group) for group in range(self._file.num_row_groups))
        except FileNotFoundError:
            raise ParquetError(f"{path}: no such file; `dvc repro predict` or `dvc pull` brings it") from None
        except (pa.ArrowException, KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise ParquetError(
                f"{path}: is no file of boxes of this project, or it is broken ({_line(error)}); {CURE}"
            ) from error

    def _scene(self, group: int) -> str:
        names = self._file.read_row_group(group, columns=["scene"])["scene"].unique().to_pylist()
        if len(names) != 1:
            raise ValueError(f"row group {group} holds {len(names)} scenes")
        return str(names[0])

    def boxes(self, scene: int) -> BoxTable:
        """The boxes of the scene of that index."""
        return self._read(scene, ["boxes"], lambda table: _boxes(table["boxes"]))

    def tokens(self, scene: int) -> list[str]:
        """The tokens of the frames of the scene of that index."""
        return self._read(scene, ["token"], lambda table: list(map(str, table["token"].to_pylist())))

    def frames(self, scene: int) -> tuple[Frame, ...]:
        """The frames of the scene of that index, without boxes."""
        names = [name for name in SCHEMA.names if name != "boxes"]
        return self._read(scene, names, lambda table: tuple(map(_frame, table.to_pylist())))

    def _read(self, scene: int, columns: list[str], make: Callable[[pa.Table], T]) -> T:
        try:
            return make(self._file.read_row_group(scene, columns=columns))
        except (pa.ArrowException, LookupError, TypeError, ValueError, OSError) as error:
            raise ParquetError(f"{self.path}: {self.scenes[scene]} cannot be read ({_line(error)}); {CURE}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _arrays(frames: Sequence[Frame], boxes: BoxTable) -> list[pa.Array]:
    rows = [_row(frame) for frame in frames]
    plain = [pa.array([row[field.name] for row in rows], field.type) for field in SCHEMA if field.name != "boxes"]
    numbers = [*rounded(boxes.boxes).T, *rounded(boxes.velocities).T, rounded(boxes.scores)]
    ids = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(boxes), [None, pa.py_buffer(boxes.ids.tobytes())])
    columns = [*map(pa.array, numbers), pa.array(boxes.labels, pa.int32()), ids]
    starts = pa.array(boxes.starts, pa.int32())
    return [*plain, pa.ListArray.from_arrays(starts, pa.StructArray.from_arrays(columns, fields=list(BOX)))]


def _row(frame: Frame) -> dict[str, Any]:
    row = {name: getattr(frame, name) for name in ("sample_idx", "timestamp", *TEXTS, "num_pts_feats")}
    row |= {name: rounded(getattr(frame, name)).ravel() for name in ("lidar2ego", "ego2global")}
    row |= {name: _json(getattr(frame, name)) for name in ("images", "lidar_sources")}
    row["sweeps"] = [_sweep_row(sweep) for sweep in frame.sweeps]
    return row


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=lambda array: rounded(array).tolist())


def _sweep_row(sweep: Sweep) -> dict[str, Any]:
    row = {name: getattr(sweep, name) for name in ("timestamp", "token", "lidar_path", "num_pts_feats")}
    matrices = ("lidar2ego", "ego2global", "lidar2sensor")
    return row | {name: rounded(getattr(sweep, name)).ravel() for name in matrices}


def _boxes(column: pa.ChunkedArray) -> BoxTable:
    lists = column.combine_chunks()
    starts = lists.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    values = lists.flatten()
    numbers = {name: values.field(name).to_numpy(zero_copy_only=False) for name in BOX.names if name != "id"}
    ids = values.field("id")
    start = 16 * ids.offset
    return BoxTable(
        starts - starts[0],
        np.stack([numbers[name] for name in NUMBERS], axis=1),
        np.stack([numbers["vx"], numbers["vy"]], axis=1),
        numbers["label"].astype(np.int64),
        numbers["score"],
        np.frombuffer(ids.buffers()[1] or b"", dtype=ID, count=len(ids), offset=start) if len(ids) else np.zeros(0, ID),
    )


def _frame(row: dict[str, Any]) -> Frame:
    matrices: dict[str, Any] = {name: _matrix(row.pop(name)) for name in ("lidar2ego", "ego2global")}
    notes = {name: json.loads(row.pop(name)) for name in ("images", "lidar_sources")}
    sweeps = tuple(_sweep(sweep) for sweep in row.pop("sweeps"))
    return Frame(**row, **matrices, **notes, sweeps=sweeps)


def _sweep(row: dict[str, Any]) -> Sweep:
    matrices = {name: _matrix(row.pop(name)) for name in SWEEP.names if SWEEP.field(name).type == MATRIX}
    return Sweep(**{**row, **matrices})


def _matrix(values: list[float]) -> Array:
    return np.array(values, dtype=np.float64).reshape(4, 4)
