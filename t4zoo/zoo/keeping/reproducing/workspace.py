"""A clone at a version's commit, in which one stage after the other is run on exactly what it read then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.file_md5 import md5_of_file
from t4zoo.zoo import git
from t4zoo.zoo.releasing.lock import Lock, Out, TrackedFile, expand, within
from t4zoo.zoo.releasing.objects import Objects

DATA = "data"  # the folder of scenes, which is in neither git nor the store
_LAST = 5  # lines of a failed stage that are shown


class StageError(T4zooError):
    """A stage that cannot be run again, or that failed."""


@dataclass(frozen=True)
class Workspace:
    """root: the clone. lock: of its commit. data: what stands in for its `data/`. logs: where stages write theirs."""

    root: Path
    lock: Lock
    objects: Objects
    data: Path
    logs: Path

    def run(self, stage: str, kept: frozenset[str] = frozenset()) -> None:
        """Run a stage on the inputs that dvc.lock names. kept: paths of inputs that stay as they are here.

        Raises StageError, with the last words of a stage that failed.
        """
        for dep in self.lock.deps.get(stage, ()):
            if dep.path not in kept:
                self._supply(dep)
        for out in self.outs(stage):
            self._clear(out.path)
        commands = self.lock.commands.get(stage, ())
        if not commands:
            raise StageError(f"{stage}: dvc.lock names no command")
        for command in commands:
            self._execute(stage, command)

    def outs(self, stage: str) -> list[Out]:
        """What the stage made, as dvc.lock says."""
        return [out for out in self.lock.outs if out.stage == stage]

    def expected(self, out: Out) -> list[TrackedFile]:
        """The files of an out as they were released."""
        return expand(out, self.objects.read)

    def _supply(self, dep: Out) -> None:
        made = [out for out in self.lock.outs if within(dep.path, out.path) or within(out.path, dep.path)]
        for file in (file for out in made for file in self.expected(out) if within(file.path, dep.path)):
            self._bring(file)
        if not made and not (self.root / dep.path).exists():
            self._link(dep)

    def _bring(self, file: TrackedFile) -> None:
        target = self.root / file.path
        if target.is_file() and md5_of_file(target) == file.md5:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        self.objects.bring(file.md5, target)

    def _link(self, dep: Out) -> None:
        """Scenes are only read, so that they stand in the clone by a link."""
        top, _, below = dep.path.partition("/")
        if top != DATA or not (self.data / below).exists():
            raise StageError(f"{dep.path} is not here; --data names the folder that stands for {DATA}/")
        (self.root / top).symlink_to(self.data.resolve(), target_is_directory=True)

    def _clear(self, path: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    def _execute(self, stage: str, command: str) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        log = self.logs / f"{stage.replace('/', '-')}.log"
        with log.open("ab") as out:
            done = subprocess.run(  # noqa: S602  (a stage's command is a line for a shell, and DVC runs it so too)
                command, shell=True, cwd=self.root, env={**os.environ, "PATH": path}, stdout=out, stderr=out
            )
        if done.returncode:
            words = log.read_text(errors="replace").strip().splitlines()[-_LAST:]
            raise StageError("\n".join([f"{stage}: `{command}` ended with {done.returncode}:", *words]))


def clone(repository: str, commit: str, target: Path) -> None:
    """A clone of a path or URL with that commit checked out; raises GitError where it has no such commit."""
    git.run(target.parent, "clone", "--quiet", "--no-checkout", "--", repository, str(target))
    try:
        git.run(target, "checkout", "--quiet", "--detach", commit)
    except git.GitError:
        raise git.GitError(f"{repository}: has no commit {commit[:10]}; `git fetch --tags`, or name another") from None
