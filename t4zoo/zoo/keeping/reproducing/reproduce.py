"""`t4zoo reproduce`: clone the commit of a released version, run its cheap stages again, compare every byte."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from t4zoo.errors import T4zooError, UsageError
from t4zoo.file_md5 import md5_of_file
from t4zoo.zoo import git
from t4zoo.zoo.address import cache_folder, find_repository, find_store
from t4zoo.zoo.keeping.reproducing.choose import Chosen, choose, kind_of
from t4zoo.zoo.keeping.reproducing.difference import first_difference
from t4zoo.zoo.keeping.reproducing.metrics import compare_metrics
from t4zoo.zoo.keeping.reproducing.packages import other_packages
from t4zoo.zoo.keeping.reproducing.report import SAME, Outcome, Report, Verdict
from t4zoo.zoo.keeping.reproducing.workspace import DATA, StageError, Workspace, clone
from t4zoo.zoo.manifest import Manifest, Source
from t4zoo.zoo.reading.cache import sha256_of
from t4zoo.zoo.reading.locate import Where, locate
from t4zoo.zoo.releasing.lock import Out, TrackedFile, parse_lock
from t4zoo.zoo.releasing.objects import Objects
from t4zoo.zoo.storage.s3 import S3Folder

OnStage = Callable[[str], None]


class CannotError(T4zooError):
    """A version that cannot be made again from what is here."""

    exit_code = 2


@dataclass(frozen=True)
class Wanted:
    """repository: a path or URL to clone. data: stands for its `data/`. tolerance: of a training's mAP; None: none."""

    repository: str
    data: Path
    tolerance: float | None = None

    @staticmethod
    def here(where: Where, repository: str | None, data: Path | None, tolerance: float | None) -> Wanted:
        """Around the working folder, where nothing else is said; raises UsageError where that is in no repository."""
        if tolerance is not None and not 0 <= tolerance < 1:
            raise UsageError(f"--tolerance {tolerance}: an mAP lies between 0 and 1")
        if repository is None and where.repository is None:
            raise UsageError("not in a repository with .dvc/config; --repository names the one that released it")
        if repository is None or Path(repository).exists():
            repository = str(Path(repository or str(where.repository)).resolve())
        return Wanted(repository, data or (where.repository or Path()) / DATA, tolerance)


def reproduce(text: str, where: Where, wanted: Wanted, done: OnStage = lambda stage: None) -> Report:
    """Run the version's cheap stages again, its training too if a tolerance is given, and compare.

    This runs the code of that commit. done: hears of each stage. Raises CannotError and T4zooError.
    """
    located = locate(text, where)
    manifest = located.released.manifest
    if manifest.source is None:
        raise CannotError(f"{manifest.name}: was adopted, and nobody knows from which commit it was made")
    folder = Path(tempfile.mkdtemp(prefix="t4zoo-reproduce-"))
    try:
        workspace = _open(folder, manifest, manifest.source, wanted)
        chosen = choose(manifest.version, workspace.lock, wanted.tolerance is not None)
        if not chosen.cheap and not chosen.trainings:
            raise CannotError(f"{manifest.name}: dvc.lock has no stage of it that could be run again")
        outcomes = _run(workspace, chosen, manifest, wanted.tolerance, done)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    report = Report(
        name=manifest.name,
        commit=manifest.source.commit,
        packages=other_packages(manifest.packages),
        outcomes=tuple(outcomes),
        not_rerun=chosen.others,
        tolerance=wanted.tolerance,
        kept=str(folder),
    )
    if report.exit_code != SAME:
        return report
    shutil.rmtree(folder, ignore_errors=True)
    return Report(**{**vars(report), "kept": None})


def _open(folder: Path, manifest: Manifest, source: Source, wanted: Wanted) -> Workspace:
    root = folder / "repository"
    clone(wanted.repository, source.commit, root)
    tag = git.tag(root, manifest.version.tag)
    if tag and tag.commit != source.commit:
        what = f"tag {tag.name} is at {tag.commit[:10]}, and its manifest says {source.commit[:10]}"
        raise CannotError(f"{manifest.name}: {what}; `t4zoo doctor` says which of them was changed")
    content = git.show(root, source.commit, "dvc.lock") or b""
    if hashlib.sha256(content).hexdigest() != source.dvc_lock:
        raise CannotError(f"{manifest.name}: dvc.lock at {source.commit[:10]} is not the one that was released")
    local = Path(wanted.repository) if Path(wanted.repository).is_dir() else None
    home = find_repository(local) if local else None
    store = S3Folder(find_store(home or root))
    objects = Objects(cache_folder(home) if home else folder / "cache", store)
    if home and (home / ".dvc/config.local").is_file():
        (root / ".dvc/config.local").symlink_to(home / ".dvc/config.local")  # no second copy of what may be a secret
    return Workspace(root, parse_lock(content, "dvc.lock"), objects, wanted.data, folder)


def _run(
    workspace: Workspace, chosen: Chosen, manifest: Manifest, tolerance: float | None, done: OnStage
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    retrained: frozenset[str] = frozenset()
    for stage in (*chosen.cheap, *chosen.trainings):
        try:
            workspace.run(stage, retrained)
            is_cheap = stage in chosen.cheap
            outcomes += [_compare(workspace, out, manifest, is_cheap) for out in workspace.outs(stage)]
            if kind_of(stage) == "train":
                retrained = frozenset(out.path for out in workspace.outs(stage))
            elif not is_cheap and tolerance is not None:
                outcomes += _judge(workspace, stage, tolerance)
        except (StageError, T4zooError) as error:
            outcomes.append(Outcome(stage, "-", 0, "cannot", (str(error),)))
        done(stage)
    return outcomes


def _compare(workspace: Workspace, out: Out, manifest: Manifest, is_cheap: bool) -> Outcome:
    expected = {file.path: file for file in workspace.expected(out)}
    sha256 = {file.md5: file.sha256 for file in manifest.files}
    top = workspace.root / out.path
    files = [path for path in top.rglob("*") if path.is_file()] if top.is_dir() else [top] if top.is_file() else []
    found = {path.relative_to(workspace.root).as_posix(): path for path in files}
    details = []
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            details.append(f"{path} was not made")
        elif path not in expected:
            details.append(f"{path} was not released")
        elif not _is_same(found[path], expected[path], sha256.get(expected[path].md5)):
            details.append(f"{path} {_told(workspace, expected[path], found[path])}")
    verdict: Verdict = "same bytes" if not details else "different" if is_cheap else "other bytes"
    return Outcome(out.stage, out.path, len(expected), verdict, tuple(details))


def _is_same(found: Path, expected: TrackedFile, sha256: str | None) -> bool:
    if md5_of_file(found) != expected.md5:
        return False
    return sha256 is None or sha256_of(found) == sha256


def _told(workspace: Workspace, expected: TrackedFile, found: Path) -> str:
    with tempfile.TemporaryDirectory(dir=workspace.logs) as scratch:
        released = Path(scratch) / "released"
        workspace.objects.bring(expected.md5, released)
        return first_difference(released, found) or "has another sha256 than the manifest says"


def _judge(workspace: Workspace, stage: str, tolerance: float) -> list[Outcome]:
    """The metrics of a training that was run again."""
    outcomes = []
    tracked = [file for out in workspace.outs(stage) for file in workspace.expected(out)]
    for file in (file for file in tracked if file.path.endswith("/metrics.json")):
        before = workspace.objects.read(file.md5)
        far = compare_metrics(before, workspace.root / file.path, tolerance)
        outcomes.append(Outcome(stage, file.path, 1, "other metrics" if far else "same metrics", tuple(far)))
    return outcomes
