"""An info file that is open to be asked: a pickle, held in memory whole, or its Parquet twin, read scene by scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from t4zoo.errors import UsageError
from t4zoo.info import Frame, InfoError, content, frame_of, scene_of
from t4zoo.info_files.bounds import bounded
from t4zoo.info_files.counts import FrameCounts, of_frame, of_record
from t4zoo.info_files.form import OURS, Form, form_of
from t4zoo.info_files.layouts import as_pickled
from t4zoo.info_files.unknown import unknown
from t4zoo.parquet import BoxFile

T = TypeVar("T")


class Opened(Protocol):
    """scenes: the distinct `{T4 id}/{revision}` in the order of their first frames.

    Frames that are not as `Frame` says raise InfoError when they are read, by their place in the file.
    """

    path: Path
    form: Form
    scenes: tuple[str, ...]

    def __len__(self) -> int:
        """How many frames there are."""

    def frames(self) -> Iterator[Frame]:
        """Each frame, in the file's order, read as it is asked for."""

    def of_scene(self, scene: str) -> tuple[Frame, ...]:
        """The frames of one scene."""

    def tokens(self) -> Iterator[str]:
        """Each frame's, in the file's order."""

    def counts(self) -> Iterator[FrameCounts]:
        """What is counted of each frame, whether or not it is understood."""

    def record(self, place: int) -> Any:
        """The frame at that place as the file has it, or as its pickle would; raises IndexError."""

    def unknown(self) -> dict[str, int]:
        """What there is no place for in `Frame` -> in how many frames: see `unknown`."""


def open_info(path: Path) -> Opened:
    """Open a .pkl or .parquet. Raises UsageError for another suffix, InfoError or ParquetError for what is none."""
    kinds: dict[str, Callable[[Path], Opened]] = {".pkl": Pickled, ".parquet": Columns}
    if path.suffix not in kinds:
        raise UsageError(f"{path}: give an info file, which ends in .pkl or .parquet")
    if path.is_dir():
        raise UsageError(f"{path}: a folder; give one of its info files")
    return kinds[path.suffix](path)


class Pickled:
    """A pickle: the reader of pickles knows no parts of one, so that all of it is in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.form, self._records = form_of(path, content(path))
        self._scenes: dict[str, list[int]] = {}
        for place, record in enumerate(self._records):
            self._scenes.setdefault(self._read(place, lambda: _scene(bounded(record))), []).append(place)  # noqa: B023
        self.scenes = tuple(self._scenes)

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._records)

    def frames(self) -> Iterator[Frame]:
        """Each frame, read as it is asked for."""
        return map(self._frame, range(len(self)))

    def of_scene(self, scene: str) -> tuple[Frame, ...]:
        """The frames of one scene; none where the file does not know it."""
        return tuple(map(self._frame, self._scenes.get(scene, ())))

    def tokens(self) -> Iterator[str]:
        """Each frame's; "" where it has none."""
        return (str(record.get("token", "")) for record in self._records)

    def counts(self) -> Iterator[FrameCounts]:
        """What is counted of each frame, also of one that is not understood."""
        for place, record in enumerate(self._records):
            yield self._read(place, lambda: of_record(record, _scene(record)))  # noqa: B023

    def record(self, place: int) -> Any:
        """The frame at that place, as the file has it."""
        return self._records[place]

    def unknown(self) -> dict[str, int]:
        """What there is no place for in `Frame`."""
        found: Counter[str] = Counter()
        for place, record in enumerate(self._records):
            found.update(self._read(place, lambda: unknown(record)))  # noqa: B023
        return dict(sorted(found.items()))

    def _frame(self, place: int) -> Frame:
        if self.form.doubts:
            raise InfoError(f"{self.path}: its frames are not understood: {'; '.join(self.form.doubts)}")
        return self._read(place, lambda: frame_of(self._records[place]))

    def _read(self, place: int, make: Callable[[], T]) -> T:
        try:
            return make()
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            raise InfoError(
                f"{self.path}: frame {place} breaks the info layout: {error!r} is missing or malformed"
            ) from error


class Columns:
    """A Parquet twin; one scene is in memory at a time."""

    def __init__(self, path: Path) -> None:
        self.path, self._file = path, BoxFile(path)
        self.form = Form(OURS, self._file.classes, self._file.version, self._file.extra)
        self.scenes = tuple(dict.fromkeys(self._file.scenes))

    def __len__(self) -> int:
        """How many frames there are."""
        return self._file.num_frames

    def frames(self) -> Iterator[Frame]:
        """Each frame; a scene's are read together."""
        for group in range(len(self._file.scenes)):
            yield from self._file.whole_frames(group)

    def of_scene(self, scene: str) -> tuple[Frame, ...]:
        """The frames of one scene; none where the file does not know it."""
        groups = (group for group, name in enumerate(self._file.scenes) if name == scene)
        return tuple(frame for group in groups for frame in self._file.whole_frames(group))

    def tokens(self) -> Iterator[str]:
        """Each frame's."""
        for group in range(len(self._file.scenes)):
            yield from self._file.tokens(group)

    def counts(self) -> Iterator[FrameCounts]:
        """What is counted of each frame."""
        return map(of_frame, self.frames())

    def record(self, place: int) -> Any:
        """The frame at that place, as a pickle would have it."""
        return as_pickled(next(islice(self.frames(), place, None)))

    def unknown(self) -> dict[str, int]:
        """Nothing: a twin has a place for what a `Frame` has, and for nothing else."""
        return {}


def _scene(record: Any) -> str:
    if named := record.get("scene"):
        return str(named)
    points = record.get("lidar_points") or {}
    return scene_of(str(points.get("lidar_path") or ""))
