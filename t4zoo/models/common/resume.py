"""A training that was stopped goes on after its last whole epoch, and ends with the bytes of one that was not."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from mmengine.dist import all_gather_object, barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log

from t4zoo.errors import UsageError
from t4zoo.models.common import sources
from t4zoo.models.common.curves import TrainingError
from t4zoo.models.common.snapshot import random_state, restore, take
from t4zoo.whole import whole

CHOICES = ("auto", "never")
PATIENCE = 10.0  # seconds; the processes that read frames outlive a killed training by 5, and hold its lock


class ResumePoint:
    """The folder beside `out` in which a training works; what a stopped one left in it is gone on with, if it fits.

    made_of: name -> digest of all that decides the weights; with one of them changed, the training starts anew.
    choice: `auto`, or `never` to start anew and to keep nothing. snapshot: what to go on with. note: why there is none.
    """

    def __init__(self, out: Path, made_of: Mapping[str, str], choice: str) -> None:
        if choice not in CHOICES:
            raise UsageError(f"resume is {choice!r}; choose from {', '.join(CHOICES)}")
        self.folder, self.made_of, self.choice = out.parent / f".{out.name}.unfinished", dict(made_of), choice
        self.path = self.folder / "snapshot.pth"
        self.snapshot: dict[str, Any] | None = None
        self.note = ""

    @contextmanager
    def held(self) -> Iterator[Path]:
        """The folder, for this training alone; afterwards it is gone, unless a stopped training can go on from it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock", timeout=PATIENCE)
        try:
            if is_main_process():
                lock.acquire()
                self._open()
            barrier()
            if not is_main_process():
                self._open()
            check_alike(self.folder, all_gather_object((self.made_of, self.snapshot and self.snapshot["epoch"])))
            yield self.folder
            barrier()
            self._leave(keep=False)
        except Timeout:
            raise UsageError(
                f"{self.folder}: another training is at work in it; wait for it, or choose another out"
            ) from None
        except TrainingError:
            self._leave(keep=False)  # it would come to the same end again
            raise
        except BaseException:
            self._leave(keep=True)
            raise
        finally:
            lock.release()

    def _open(self) -> None:
        """Read the snapshot; the main process then clears away whatever cannot be gone on with."""
        self.snapshot = self._read() if self.path.exists() and self.choice == "auto" else None
        if is_main_process() and self.snapshot is None:
            for path in self.folder.iterdir():
                if path.name != "lock":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _read(self) -> dict[str, Any] | None:
        try:
            snapshot: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            before = snapshot["made_of"]
            changed = [name for name, value in self.made_of.items() if before.get(name) != value]
            changed += sources.changed(snapshot["code"])
        except Exception as error:  # whatever a broken file makes torch's reader raise
            self.note = f"{self.path} is broken ({type(error).__name__}); the training starts anew"
            return None
        if changed:
            self.note = f"since {self.path} was left, {', '.join(changed)} changed; the training starts anew"
            return None
        return snapshot

    def _leave(self, keep: bool) -> None:
        if not is_main_process():
            return
        if keep and self.path.exists():
            print_log(f"not finished; the same command goes on from {self.path}", logger="current")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def check_alike(folder: Path | str, said: Sequence[tuple[Mapping[str, str], int | None]]) -> None:
    """Raise UsageError where processes are about to train different things together.

    said: of each process, what decides the weights, and the epoch after which it would go on in `folder`.
    """
    first, epoch = said[0]
    for rank, (made_of, other) in enumerate(said):
        differing = [name.removeprefix("the ") for name, value in made_of.items() if first.get(name) != value]
        differing += ["snapshot to go on from"] if other != epoch else []
        if differing:
            raise UsageError(
                f"{folder}: process {rank} has another {', another '.join(differing)} than process 0; "
                "let all machines see the same files"
            )


class Snapshots(Hook):
    """Writes a snapshot after every epoch, and begins from the one that a stopped training left.

    A hook with `state()` and `set_state(state)`, of builtins and tensors, is kept with them.
    """

    priority = "LOWEST"  # what the other hooks do at an epoch's end belongs to the epoch

    def __init__(self, point: ResumePoint) -> None:
        self.point = point
        self.code: dict[str, str] = {}

    def before_train(self, runner: Any) -> None:
        """Go on from the snapshot, if there is one; the parent's weights are overwritten by its own."""
        self.code = sources.loaded()
        if self.point.note:
            runner.logger.info(self.point.note)
        if self.point.snapshot:
            restore(runner, self.point.snapshot)
            runner.logger.info(f"goes on after epoch {runner.epoch}, from {self.point.path}")
            self.point.snapshot = None

    def after_train_epoch(self, runner: Any) -> None:
        """Called by the Runner, which counts the epoch as done only after this."""
        if self.point.choice == "auto":
            everyone = all_gather_object(random_state())
            if is_main_process():
                content = {"made_of": self.point.made_of, "code": self.code, **take(runner), "random": everyone}
                buffer = io.BytesIO()
                torch.save(content, buffer)
                with whole(self.point.path) as temporary:
                    temporary.write_bytes(buffer.getvalue())
