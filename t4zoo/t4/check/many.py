"""Many scenes judged: in several processes, each from the cache where it has not changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from t4zoo.scene_files import needed_here
from t4zoo.spread import Engine, Processes, spread
from t4zoo.t4.check.cache import Cache, key_of
from t4zoo.t4.check.report import SceneReport
from t4zoo.t4.check.rules import Selection
from t4zoo.t4.check.scene import EVERY, check_scene, report_of, unfinished
from t4zoo.t4.check.structure import AWAY, UNFINISHED

Advance = Callable[[int], None]
Begin = Callable[[str, int], AbstractContextManager[Advance]]  # what is done, to how many scenes

Place = tuple[Path, Path | None]  # of a scene's tables, and of its files if they are another's


@contextmanager
def in_silence(title: str, scenes: int) -> Iterator[Advance]:
    """A `Begin` that shows nothing."""
    yield lambda count: None


def check_known(
    folder: Path, wanted: Selection = EVERY, cache: Cache | None = None, files: Path | None = None
) -> SceneReport:
    """`check_scene`, or what it found before of the same bytes by the same rules."""
    known = _known(folder, wanted, cache, files)
    return known or _kept(cache, *_Judge(wanted, cache is not None)((folder, files)))


def check_scenes(
    folders: Sequence[Path],
    wanted: Selection = EVERY,
    cache: Cache | None = None,
    workers: int | Engine = 1,
    advance: Advance = lambda count: None,
    files: Mapping[Path, Path] | None = None,
) -> list[SceneReport]:
    """The reports of the scenes, in their order.

    files: where the clouds of a scene are, if they are another's. Only scenes that are not known go to other processes.
    A process that dies, for want of memory say, costs only its scene, which is judged again alone; the one that kills
    that too is reported.
    """
    found: dict[Path, SceneReport] = {}

    def take(folder: Path, report: SceneReport) -> None:
        found[folder] = report
        advance(1)

    for folder in folders:
        report = _known(folder, wanted, cache, (files or {}).get(folder))
        if report is not None:
            take(folder, report)
    left: list[Place] = [(folder, (files or {}).get(folder)) for folder in folders if folder not in found]
    engine = Processes(workers) if isinstance(workers, int) else workers
    if isinstance(engine, Processes):
        engine = Processes(max(1, min(engine.count, len(left))))
    judge = _Judge(wanted, cache is not None)
    judged = spread(judge, left, engine, killed=lambda place, error: ("", _killed(place[0])), reads=_reads)
    for (folder, _), (key, report) in zip(left, judged, strict=True):
        take(folder, _kept(cache, key, report))
    if cache is not None:
        cache.seen.save()
    return [found[folder] for folder in folders]


def _known(folder: Path, wanted: Selection, cache: Cache | None, files: Path | None) -> SceneReport | None:
    return None if cache is None else cache.find(key_of(folder, wanted, files, cache.seen), folder)


def _kept(cache: Cache | None, key: str, report: SceneReport) -> SceneReport:
    if cache is not None and not {UNFINISHED.id, AWAY.id} & report.counts.keys():
        cache.keep(key, report)
    return report


@dataclass(frozen=True)
class _Judge:
    """Judges a scene; the key is made before, so that a scene that changes meanwhile is no other's."""

    wanted: Selection
    keyed: bool

    def __call__(self, place: Place) -> tuple[str, SceneReport]:
        key = key_of(place[0], self.wanted, place[1]) if self.keyed else ""
        return key, check_scene(place[0], self.wanted, place[1])


def _reads(place: Place) -> list[Path]:
    return [needed_here(path) for path in place if path is not None]


def _killed(folder: Path) -> SceneReport:
    return report_of(folder, unfinished("the process that judged it was killed; was there enough memory?"))
