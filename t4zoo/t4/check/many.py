"""Many scenes judged: in several processes, each from the cache where it has not changed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path

from t4zoo.t4.check.cache import Cache, key_of
from t4zoo.t4.check.report import Finding, SceneReport, gather
from t4zoo.t4.check.rules import Selection
from t4zoo.t4.check.scene import EVERY, check_scene, unfinished
from t4zoo.t4.check.structure import UNFINISHED

AHEAD = 4  # scenes a process that are handed out before they are asked for
Advance = Callable[[int], None]


def check_known(
    folder: Path, wanted: Selection = EVERY, cache: Cache | None = None, files: Path | None = None
) -> SceneReport:
    """`check_scene`, or what it found before of the same bytes by the same rules."""
    return _known(folder, wanted, cache, files) or _judge(folder, wanted, cache, files)


def _known(folder: Path, wanted: Selection, cache: Cache | None, files: Path | None) -> SceneReport | None:
    return None if cache is None else cache.find(key_of(folder, wanted, files), folder)


def _judge(folder: Path, wanted: Selection, cache: Cache | None, files: Path | None) -> SceneReport:
    key = "" if cache is None else key_of(folder, wanted, files)  # before: a scene that changes meanwhile is no other's
    report = check_scene(folder, wanted, files)
    if cache is not None and UNFINISHED.id not in report.counts:
        cache.keep(key, report)
    return report


def check_scenes(
    folders: Sequence[Path],
    wanted: Selection = EVERY,
    cache: Cache | None = None,
    workers: int = 1,
    advance: Advance = lambda count: None,
    files: Mapping[Path, Path] | None = None,
) -> list[SceneReport]:
    """The reports of the scenes, in their order, whichever is done first.

    files: where the clouds of a scene are, if they are another's. Only scenes that are not known go to other processes.
    A process that dies, for want of memory say, costs only its scene: those that were under way are judged again, each
    in a process of its own, and the one that kills that too is reported.
    """
    found: dict[Path, SceneReport] = {}

    def take(folder: Path, report: SceneReport) -> None:
        found[folder] = report
        advance(1)

    for folder in folders:
        report = _known(folder, wanted, cache, (files or {}).get(folder))
        if report is not None:
            take(folder, report)
    left = [(folder, (files or {}).get(folder)) for folder in folders if folder not in found]
    if min(workers, len(left)) > 1:
        for folder, report in _spread(left, wanted, cache, min(workers, len(left))):
            take(folder, report)
        for folder, place in left:
            if folder not in found:
                alone = dict(_spread([(folder, place)], wanted, cache, 1))
                take(folder, alone.get(folder) or _killed(folder))
    else:
        for folder, place in left:
            take(folder, _judge(folder, wanted, cache, place))
    return [found[folder] for folder in folders]


def _spread(
    scenes: Sequence[tuple[Path, Path | None]], wanted: Selection, cache: Cache | None, workers: int
) -> Iterator[tuple[Path, SceneReport]]:
    """Scenes and their reports as they come; ends early where a process dies."""
    waiting = iter(scenes)
    with ProcessPoolExecutor(workers, get_context("spawn"), _follow_parent) as pool:
        running: dict[Future[SceneReport], Path] = {}
        try:
            while True:
                while len(running) < workers * AHEAD and (scene := next(waiting, None)) is not None:
                    running[pool.submit(_judge, scene[0], wanted, cache, scene[1])] = scene[0]
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool:
            return
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _follow_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _killed(folder: Path) -> SceneReport:
    found: dict[tuple[str, str], list[Finding]] = {}
    counts: dict[str, int] = {}
    gather([unfinished("the process that judged it was killed; was there enough memory?")], found, counts)
    name = f"{folder.parent.name}/{folder.name}" if folder.name.isdecimal() else folder.name
    return SceneReport(name, str(folder), counts, tuple(finding for kept in found.values() for finding in kept))
