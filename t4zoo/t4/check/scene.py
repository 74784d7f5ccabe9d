"""One scene judged by all rules: `check_scene`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from t4zoo.scene_files import FarFileError, FarSourceError, bring
from t4zoo.t4.check import automatic, chains, clouds, counts, geometry, records, references, structure, times
from t4zoo.t4.check.boxes import boxes_of, clouds_of
from t4zoo.t4.check.near import near
from t4zoo.t4.check.raw import RawScene, read_raw
from t4zoo.t4.check.report import Finding, SceneReport, gather
from t4zoo.t4.check.rule import Fault
from t4zoo.t4.check.rules import Selection
from t4zoo.t4.reader import place_of

OF_TABLES: dict[str, Callable[[RawScene], Iterator[Fault]]] = {
    "STR": structure.faults,
    "REC": records.faults,
    "REF": references.faults,
    "CHA": chains.faults,
    "TIM": times.faults,
    "GEO": geometry.faults,
    "AUT": automatic.faults,
}
EVERY = Selection()
AT_ONCE = 8  # clouds that are brought together from a source


def check_scene(folder: Path, wanted: Selection = EVERY, files: Path | None = None) -> SceneReport:
    """What is wrong with the scene in `folder`, which holds `annotation/`; reads its tables and clouds, writes nothing.

    files: where its clouds are, when that is another scene's folder. Never raises for what the files hold, nor for one
    behind a source that does not come; raises FarSourceError where none does.
    """
    try:
        with near(folder) as here:
            return dataclasses.replace(_judged(here, wanted, files or folder), path=str(folder))
    except FarSourceError:
        raise
    except FarFileError as error:
        return report_of(folder, _away(error))


def _judged(folder: Path, wanted: Selection, files: Path) -> SceneReport:
    found: dict[tuple[str, str], list[Finding]] = {}
    totals: dict[str, int] = {}

    def add(what: str, make: Callable[[], Iterator[Fault]]) -> None:
        try:
            gather((fault for fault in make() if wanted.wants(fault.rule.id)), found, totals)
        except FarSourceError:
            raise
        except FarFileError as error:
            gather([_away(error)], found, totals)
        except (Exception, RecursionError, MemoryError) as error:  # the last line of defence; no test reaches it
            gather([unfinished(f"{what}: {type(error).__name__}: {error}")], found, totals)

    scene = read_raw(folder, files)
    if (folder / "annotation").is_dir():
        for family, faults in OF_TABLES.items():
            if wanted.wants_any(family):
                add(family, lambda faults=faults: faults(scene))  # type: ignore[misc]
        if wanted.wants_any("CLD") or wanted.wants_any("CNT"):
            add("CLD", lambda: _cloud_faults(scene, wanted.wants_any("CNT")))
    else:
        add("STR", lambda: structure.faults(scene))
    order = {rule: place for place, rule in enumerate(sorted(totals))}
    kept = [finding for findings in found.values() for finding in findings]
    kept.sort(key=lambda finding: order[finding.rule])
    return SceneReport(scene.name, str(folder), dict(sorted(totals.items())), tuple(kept))


def report_of(folder: Path, fault: Fault) -> SceneReport:
    """The report of a scene of which nothing else can be said."""
    found: dict[tuple[str, str], list[Finding]] = {}
    counts: dict[str, int] = {}
    gather([fault], found, counts)
    return SceneReport(
        place_of(folder), str(folder), counts, tuple(finding for kept in found.values() for finding in kept)
    )


def _away(error: FarFileError) -> Fault:
    return Fault(structure.AWAY, "", "", str(error)[:500])


def unfinished(reason: str) -> Fault:
    """That the check itself failed."""
    return Fault(structure.UNFINISHED, "", "", reason[:200])


def _cloud_faults(scene: RawScene, counted: bool) -> Iterator[Fault]:
    """CLD and CNT in one go: each cloud is read once, and only one is held at a time."""
    files: dict[str, clouds.CloudFile] = {}
    yield from clouds.faults(scene, files)
    boxes, told = boxes_of(scene), counts.Tally()
    of_sample: dict[str, list[int]] = {}
    for number, row in enumerate(boxes.rows):
        of_sample.setdefault(row["sample_token"], []).append(number)
    placed = {cloud.row["token"]: cloud for cloud in clouds_of(scene).values()}
    keys = {token: file for token, file in files.items() if file.row.get("is_key_frame")}
    paths = [file.path for file in keys.values()]
    for number, (token, file) in enumerate(keys.items()):
        if number % AT_ONCE == 0:
            bring(paths[number : number + AT_ONCE])
        points = clouds.read(file)
        if points is None:
            yield Fault(clouds.MISSING, "sample_data", token, "it went away, or cannot be read")
            continue
        with np.errstate(all="ignore"):
            broken = list(clouds.content_faults(file, points))
            yield from broken
            cloud = placed.get(token)
            if counted and cloud is not None and not broken and (which := of_sample.get(cloud.sample_token)):
                counts.tally(boxes, which, cloud, points, told)
    yield from counts.faults(told)
