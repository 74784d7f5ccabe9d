"""What only a model has to show: its family, its scenes, what the ROS node reads of it, and what is exported."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from t4zoo.zoo.manifest import Scenes, Weights
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.describe import ros_parameters
from t4zoo.zoo.releasing.family import Family, find_ancestors
from t4zoo.zoo.releasing.gate.contract import Inspect, check_contract
from t4zoo.zoo.releasing.gate.leak import LeakReport, check_leak, look_for_leaks
from t4zoo.zoo.releasing.gate.lineage import check_beside, check_lineage, check_order
from t4zoo.zoo.releasing.gate.parameters import Comparison, check_parameters, compare
from t4zoo.zoo.releasing.gate.score import check_score
from t4zoo.zoo.releasing.lock import TrackedFile
from t4zoo.zoo.releasing.objects import Objects
from t4zoo.zoo.releasing.origin import find_parent
from t4zoo.zoo.releasing.refusal import Reasons
from t4zoo.zoo.releasing.scenes import scenes_of
from t4zoo.zoo.version import ModelVersion


@dataclass(frozen=True)
class ModelReport:
    """What was found, to be read before a release. ancestors: the parent first.

    contract: whether the exported files were held against their node's contract; None where nothing is exported.
    """

    parent: Weights | None
    ancestors: tuple[str, ...]
    leaks: LeakReport
    parameters: Comparison
    contract: bool | None


@dataclass(frozen=True)
class Exported:
    """files: of the version, by path in it. whole: the store has them all. inspect: who knows the node's contract."""

    files: dict[str, TrackedFile]
    whole: bool
    inspect: Inspect | None

    def is_bundle(self, candidate: Candidate) -> bool:
        """Whether anything of the version is for a node."""
        return any(file.path.startswith(f"{candidate.folder('export')}/") for file in self.files.values())


def check_model(
    candidate: Candidate, exported: Exported, objects: Objects, family: Family, reasons: Reasons
) -> ModelReport:
    """Everything that can be looked at, whatever else is wrong; `reasons` gets each refusal."""
    name = candidate.name
    assert isinstance(name, ModelVersion)  # noqa: S101  (it is called for models)
    parent, ancestors = _family(candidate, objects, family, reasons)
    for check in (check_order, check_beside):
        reasons += reasons.attempt(partial(check, candidate, family)) or []
    reasons += check_score(candidate, exported.files)
    scenes: Scenes | None = reasons.attempt(lambda: scenes_of(candidate, objects))
    leaks = look_for_leaks(candidate, scenes, ancestors, _weights_alone(parent, ancestors))
    reasons += check_leak(candidate, leaks)
    compared = reasons.attempt(lambda: compare(ros_parameters(exported.files, objects), name, family))
    comparison = compared or Comparison(None)
    reasons += check_parameters(candidate, comparison)
    contract = _contract(candidate, exported, objects, reasons)
    return ModelReport(parent, tuple(str(one.name) for one in ancestors), leaks, comparison, contract)


def _family(
    candidate: Candidate, objects: Objects, family: Family, reasons: Reasons
) -> tuple[Weights | None, tuple[Released, ...]]:
    before = len(reasons)
    parent = reasons.attempt(lambda: find_parent(candidate, objects, family))
    if len(reasons) > before:
        return None, ()  # what the parent is, is not known: nothing can be said of it
    ancestors, refusals = find_ancestors(parent, family)
    reasons += [*check_lineage(candidate, parent, ancestors), *refusals]
    return parent, ancestors


def _weights_alone(parent: Weights | None, ancestors: tuple[Released, ...]) -> str | None:
    """Where the line ends in weights that are no released version, what they are."""
    last = ancestors[-1].manifest.parent if ancestors else parent
    return last.file if last and last.name is None else None


def _contract(candidate: Candidate, exported: Exported, objects: Objects, reasons: Reasons) -> bool | None:
    if not exported.is_bundle(candidate):
        return None
    inspect = exported.inspect
    if inspect is None or not exported.whole:
        return False
    reasons += reasons.attempt(lambda: check_contract(candidate, exported.files, objects, inspect)) or []
    return True
