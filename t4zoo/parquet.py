"""The Parquet twin of an info file: one row a frame, row groups that end with scenes, boxes in list columns.

Any reader of Parquet opens it; here it is written and read scene by scene, so that memory grows with a scene and not
with the set. The file's metadata holds, under `t4zoo`, the info file's `metainfo` as JSON.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from t4zoo.boxes import BoxTable
from t4zoo.errors import T4zooError, in_one_line
from t4zoo.info import Frame, Info, Instances
from t4zoo.parquet_columns import FRAME, SCHEMA, arrays, box_table, frames_of, instances_of, json_of, predictions_of
from t4zoo.whole import whole

META = b"t4zoo"
MOST_VALUES = 1 << 24  # of a column in a row group: a file of a few kB can promise billions
MOST_FRAMES = 10_000  # of a row group that is written: files of others need not know scenes
CURE = "fetch it again, or make it again"


class ParquetError(T4zooError):
    """A Parquet file that is missing, is none of ours, or is broken; or frames that have no place in one."""


T = TypeVar("T")
_BROKEN = (pa.ArrowException, LookupError, TypeError, ValueError, AttributeError, OSError, RecursionError)


class Writer:
    """Adds scenes to a file that is being written, and does not keep them."""

    def __init__(self, path: Path, classes: Sequence[str], schema: pa.Schema, writer: pq.ParquetWriter) -> None:
        self._path, self._classes, self._schema, self._writer = path, classes, schema, writer

    def __call__(self, frames: Sequence[Frame], boxes: BoxTable | None = None) -> None:
        """Add one scene's frames. boxes: their predictions, where the frames do not hold them themselves."""
        if not frames:
            return
        try:
            columns = arrays(frames, boxes, self._classes)
        except (pa.ArrowException, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ParquetError(f"{self._path}: {frames[0].scene} has no place in a Parquet file ({error})") from error
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self._writer.write_table(table, row_group_size=len(frames))


@contextmanager
def writing(path: Path, classes: Sequence[str], version: str, extra: dict[str, Any]) -> Iterator[Writer]:
    """Write a file whole or not at all: each call of what this gives adds one scene's frames and their boxes.

    classes, version, extra: as in `Info`. Equal calls give equal bytes. Raises ParquetError for what has no place in
    the file: keys and texts that are no Unicode text, numbers beyond 64 bits.
    """
    try:
        meta = json_of({"classes": list(classes), "version": version, **extra}).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ParquetError(f"{path}: its metainfo has no place in a Parquet file ({error})") from error
    schema = SCHEMA.with_metadata({META: meta})
    with whole(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        yield Writer(path, classes, schema, writer)


def save(path: Path, info: Info) -> None:
    """Write `info` as Parquet, whole or not at all; `BoxFile(path)` gives back all of it. Raises ParquetError."""
    with writing(path, info.classes, info.version, info.extra) as write:
        for frames in scenes_of(info.frames):
            write(frames)


def scenes_of(frames: Iterable[Frame]) -> Iterator[tuple[Frame, ...]]:
    """Runs of frames of one scene, none of them endless, as row groups hold them."""
    for _, members in groupby(frames, lambda frame: frame.scene):
        while run := tuple(islice(members, MOST_FRAMES)):
            yield run


class BoxFile:
    """A Parquet twin, open to be read scene by scene. Raises ParquetError where it cannot be.

    classes, version, extra: as in `Info`. scenes: `{T4 id}/{revision}` of each, in the file's order; a scene whose
    frames do not follow one another is there several times. num_frames: of all scenes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path)
            meta = json.loads(self._file.schema_arrow.metadata[META])
            self.classes, self.version = tuple(map(_text, meta.pop("classes"))), str(meta.pop("version"))
            self.extra: dict[str, Any] = meta
            self.num_frames = int(self._file.metadata.num_rows)
            _refuse_endless(self._file.metadata)
            self.scenes = tuple(self._scene(group) for group in range(self._file.num_row_groups))
        except FileNotFoundError:
            raise ParquetError(f"{path}: no such file; `dvc repro` or `dvc pull` brings it") from None
        except _BROKEN as error:
            raise ParquetError(
                f"{path}: is no file of boxes of this project, or it is broken ({in_one_line(error)}); {CURE}"
            ) from error

    def _scene(self, group: int) -> str:
        names = self._file.read_row_group(group, columns=["scene"])["scene"].unique().to_pylist()
        if len(names) != 1:
            raise ValueError(f"row group {group} holds {len(names)} scenes")
        return str(names[0])

    def boxes(self, scene: int) -> BoxTable:
        """The predicted boxes of the scene of that index."""
        return self._read(scene, ["boxes"], lambda table: box_table(table["boxes"].combine_chunks()))

    def tokens(self, scene: int) -> list[str]:
        """The tokens of the frames of the scene of that index."""
        return self._read(scene, ["token"], lambda table: list(map(_text, table["token"].to_pylist())))

    def frames(self, scene: int) -> tuple[Frame, ...]:
        """The frames of the scene of that index, without boxes."""
        return self._read(scene, FRAME, frames_of)

    def whole_frames(self, scene: int) -> tuple[Frame, ...]:
        """The frames of the scene of that index, as the info file has them: with annotated and predicted boxes."""
        return self._read(scene, SCHEMA.names, _whole_frames)

    def _read(self, scene: int, columns: Sequence[str], make: Callable[[pa.Table], T]) -> T:
        try:
            return make(self._file.read_row_group(scene, columns=list(columns)))
        except _BROKEN as error:
            raise ParquetError(
                f"{self.path}: {self.scenes[scene]} cannot be read ({in_one_line(error)}); {CURE}"
            ) from error


def _whole_frames(table: pa.Table) -> tuple[Frame, ...]:
    frames = frames_of(table)
    predicted = predictions_of(table["boxes"].combine_chunks())
    annotated = [Instances.empty()] * len(frames)
    if "instances" in table.column_names:  # not in files of predictions from before it was a column
        annotated = instances_of(table["instances"].combine_chunks())
    return tuple(
        dataclasses.replace(frame, instances=rows, predictions=found)
        for frame, rows, found in zip(frames, annotated, predicted, strict=True)
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _refuse_endless(metadata: Any) -> None:
    for group in range(metadata.num_row_groups):
        held = metadata.row_group(group)
        for column in range(held.num_columns):
            if held.column(column).num_values > MOST_VALUES:
                raise ValueError(f"row group {group} says that it holds {held.column(column).num_values:,} values")
