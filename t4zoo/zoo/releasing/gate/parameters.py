"""Does what the ROS node reads differ from the last version? Then X grows, for a vehicle's software has to follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.family import Family
from t4zoo.zoo.releasing.refusal import Refusal, some
from t4zoo.zoo.version import ModelVersion

Parameters = dict[str, Any]  # file -> its parameters, as in a manifest
ABSENT = "nothing"
SHOWN = 48  # characters of a value in a message


@dataclass(frozen=True)
class Change:
    """One parameter: `file: key.of.it`, and its two values, ABSENT where one has none."""

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        """In one line; of a long list its beginning."""
        return f"{self.key} {_short(self.old)} -> {_short(self.new)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


@dataclass(frozen=True)
class Comparison:
    """last: the version that was compared with, None where there was none to compare. count: values compared."""

    last: ModelVersion | None
    changes: tuple[Change, ...] = ()
    count: int = 0


def changes(old: Parameters, new: Parameters) -> tuple[Change, ...]:
    """Every value that is not the same in both, by key."""
    before, after = dict(_values(old)), dict(_values(new))
    return tuple(
        Change(key, before.get(key, ABSENT), after.get(key, ABSENT))
        for key in sorted(before.keys() | after.keys())
        if before.get(key, ABSENT) != after.get(key, ABSENT)
    )


def _values(data: Parameters, head: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _values(value, f"{head}{key}." if head else f"{key}: ")
        else:
            yield f"{head}{key}", value


def compare(parameters: Parameters | None, name: ModelVersion, family: Family) -> Comparison:
    """With the newest older version of the same series and X that has parameters."""
    ours = name.version
    if parameters is None or (ours.y, ours.z, ours.project, ours.release) == (0, 0, None, False):
        return Comparison(None)  # vX.0.0 is the first of its X: nothing to ask for
    older = [other for other in family.versions(name.series) if other.x == ours.x and other < ours]
    for version in reversed(older):
        last = ModelVersion(name.algorithm, name.model, version)
        theirs = family.get(last).manifest.ros_parameters
        if theirs is not None:
            return Comparison(last, changes(theirs, parameters), len(dict(_values(parameters))))
    return Comparison(None)


def check_parameters(candidate: Candidate, comparison: Comparison) -> list[Refusal]:
    """X is as in the last version only where the node reads the same. 0.Y promises nothing."""
    name = candidate.name
    if not isinstance(name, ModelVersion) or not comparison.changes or name.version.x == 0:
        return []
    what = f"what the ROS node reads is not as in {comparison.last}: {some([str(one) for one in comparison.changes])}"
    cure = f"release v{name.version.x + 1}.0.0 (a product, from a base of that X), or bring the parameters back"
    return [Refusal(candidate.folder("export"), what, cure)]
