"""Has the model, or any of its ancestors, been trained on a scene that it is tested on? Its score would be a lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from t4zoo.zoo.manifest import Scenes
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.refusal import Refusal, some


@dataclass(frozen=True)
class LeakReport:
    """tested: scenes with which the model is scored. trained: versions whose training scenes were looked through.

    unknown: ancestors of which nobody knows the training scenes. leaks: version -> test scenes it was trained on.
    """

    tested: int
    trained: tuple[str, ...]
    unknown: tuple[str, ...]
    leaks: dict[str, tuple[str, ...]]


def look_for_leaks(
    candidate: Candidate, scenes: Scenes | None, ancestors: Sequence[Released], start: str | None
) -> LeakReport:
    """By the scene's id, so that a scene which was annotated again is the same scene.

    start: weights from which the last ancestor, or else the model itself, started, and that are no released version.
    """
    lines = [(str(candidate.name), scenes), *((str(one.name), one.manifest.scenes) for one in ancestors)]
    known = {name: trained for name, trained in lines if trained is not None}
    unknown = [name for name, trained in lines[1:] if trained is None] + ([start] if start else [])
    tested = {_id(scene): scene for scene in (scenes.test if scenes else ())}
    leaks = {name: {_id(scene) for scene in one.train} & tested.keys() for name, one in known.items()}
    return LeakReport(
        tested=len(tested),
        trained=tuple(known),
        unknown=tuple(unknown),
        leaks={name: tuple(sorted(tested[scene] for scene in ids)) for name, ids in leaks.items() if ids},
    )


def check_leak(candidate: Candidate, report: LeakReport) -> list[Refusal]:
    """A refusal for each version that saw a test scene."""
    return [
        Refusal(
            f"info/{candidate.entry.get('product')}/statistics.json",
            f"{len(scenes)} test scenes were trained on by {name}: {some(list(scenes))}",
            "take them out of `test` in conf/dataset/, or train from a parent that has not seen them",
        )
        for name, scenes in report.leaks.items()
    ]


def _id(scene: str) -> str:
    return scene.partition("/")[0]
