"""The scenes that are done so far, a file each, in a folder beside the out; a stopped run goes on with them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from t4zoo.boxes import BoxTable
from t4zoo.errors import UsageError
from t4zoo.info import Frame
from t4zoo.models.common import sources
from t4zoo.models.common.processes import Processes
from t4zoo.parquet import BoxFile, ParquetError, writing

CHOICES = ("auto", "never")
PATIENCE = 10.0  # seconds; the processes that read frames outlive a killed run by 5, and hold its lock


class Parts:
    """The folder in which the predictions of `scenes`, folders of T4 scenes, are kept until all are there.

    made_of: name -> value of all that decides a prediction but code and scene; with one of them changed, a scene's
    part is of no use. choice: `auto`, or `never` to begin anew and to keep nothing.
    notes: what a reader should know of what was found in the folder.
    """

    def __init__(
        self, out: Path, scenes: Sequence[Path], made_of: Mapping[str, str], choice: str, processes: Processes
    ) -> None:
        if choice not in CHOICES:
            raise UsageError(f"resume is {choice!r}; choose from {', '.join(CHOICES)}")
        if out.suffix != ".pkl":
            raise UsageError(f"out is {out}; let it end in .pkl, since a .parquet of the same name is put beside it")
        self.folder = out.parent / f".{out.stem}.unfinished"
        self.scenes, self.made_of, self.choice, self.processes = scenes, dict(made_of), choice, processes
        self.missing: tuple[Path, ...] = ()
        self.notes: list[str] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        """The folder, for this run alone; afterwards it is gone, unless a run that was stopped can go on with it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock", timeout=PATIENCE)
        try:
            if self.processes.is_main:
                lock.acquire()
                self._clear()
            self.processes.wait()
            self.missing = tuple(scene for scene in self.scenes if not self.path(scene).exists())
            self.processes.wait()
            yield
            self._leave(keep=False)
        except Timeout:
            raise UsageError(
                f"{self.folder}: another run is at work in it; wait for it, or choose another out"
            ) from None
        except BaseException:
            self._leave(keep=self.choice == "auto")
            raise
        finally:
            lock.release()

    @property
    def done(self) -> int:
        """How many scenes are there, whichever process predicted them."""
        return sum(1 for _ in self.folder.glob("*.parquet"))

    def path(self, scene: Path) -> Path:
        """The file of that scene's predictions."""
        return self.folder / f"{scene.name}.parquet"

    def put(self, scene: Path, classes: Sequence[str], frames: Sequence[Frame], boxes: BoxTable) -> None:
        """Keep a scene: it is there whole or not at all."""
        extra = {"made_of": self.made_of, "files": _stamp(scene), "code": sources.loaded()}
        with writing(self.path(scene), classes, scene.parent.name, extra) as write:
            write(frames, boxes)

    def __iter__(self) -> Iterator[tuple[tuple[Frame, ...], BoxTable]]:
        """Every scene's frames and boxes, in the order of the scenes."""
        for scene in self.scenes:
            file = BoxFile(self.path(scene))
            for group in range(len(file.scenes)):  # none, where all of a scene's clouds are invalid
                yield file.frames(group), file.boxes(group)

    def _clear(self) -> None:
        """Remove whatever this run cannot go on with."""
        wanted = {self.path(scene): scene for scene in self.scenes} if self.choice == "auto" else {}
        reasons: dict[str, None] = {}
        for path in sorted(self.folder.iterdir()):
            found = self._changed(path, wanted[path]) if path in wanted else ["another scene"]
            if found and path.name != "lock":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                reasons |= dict.fromkeys(found if path in wanted else [])
        if reasons:
            self.notes.append(f"since {self.folder} was left, {', '.join(reasons)} changed; predicted anew")
        if self.done:
            self.notes.append(f"goes on: {self.done} of {len(self.scenes)} scenes are taken from {self.folder}")

    def _changed(self, path: Path, scene: Path) -> list[str]:
        """What has changed since the part was written; nothing, if it can be used."""
        try:
            before: dict[str, Any] = BoxFile(path).extra
            names = [
                name
                for name in self.made_of | before["made_of"]
                if self.made_of.get(name) != before["made_of"].get(name)
            ]
            names += [f"the scene {scene.name}"] if before["files"] != _stamp(scene) else []
            return names + sources.changed(before["code"])
        except (ParquetError, LookupError, TypeError, AttributeError):
            return [f"{path.name}, which is broken,"]

    def _leave(self, keep: bool) -> None:
        if not self.processes.is_main:
            return
        if keep and self.done:
            kept = f"{self.done} of {len(self.scenes)} scenes"
            print(f"not finished; the same command goes on from {self.folder}, which has {kept}", flush=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def _stamp(scene: Path) -> str:
    """Changes with the name, size or time of any file of the scene; to read them takes as long as to predict."""
    digest = hashlib.sha256()
    for path in sorted(scene.rglob("*")):
        if path.is_file():
            status = path.stat()
            digest.update(f"{path.relative_to(scene).as_posix()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()
