"""Is the parent one that this kind of version may have?"""

from __future__ import annotations

from collections.abc import Sequence

from t4zoo.zoo.bump import overtaken
from t4zoo.zoo.lineage import Member, breaches, plain
from t4zoo.zoo.manifest import Weights
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.family import Family
from t4zoo.zoo.releasing.refusal import Refusal
from t4zoo.zoo.version import ModelVersion, parse_model


def check_lineage(candidate: Candidate, parent: Weights | None, ancestors: Sequence[Released]) -> list[Refusal]:
    """The rules of t4zoo.zoo.lineage, for the parent that dvc.lock and the zoo agree upon."""
    assert isinstance(candidate.name, ModelVersion)  # noqa: S101  (nothing else has a parent)
    child, start = Member(candidate.name, candidate.kind), _start(parent, ancestors)
    where = f"params.yaml: models.{candidate.name.algorithm}-{candidate.name.model}"
    return [Refusal(where, breach.what, breach.cure) for breach in breaches(child, start)]


def _start(parent: Weights | None, ancestors: Sequence[Released]) -> Member | str | None:
    if parent is None or parent.name is None:
        return parent.file if parent else None
    return Member(parse_model(parent.name), ancestors[0].manifest.kind if ancestors else None)


def check_order(candidate: Candidate, family: Family) -> list[Refusal]:
    """A version comes after those of its own line: whoever takes the newest takes the last that was made."""
    name = candidate.name
    assert isinstance(name, ModelVersion) and candidate.kind  # noqa: S101  (of models alone)
    # A zoo without an index is new, and a listing of it would be one request more than a release should take.
    newer = overtaken(candidate.kind, name.version, family.versions(name.series)) if family.is_indexed else None
    if newer is None:
        return []
    cure = f"`t4zoo next {name.series}` says which version it would be"
    return [Refusal(str(name), f"comes behind {newer}, which is released", cure)]


def check_beside(candidate: Candidate, family: Family) -> list[Refusal]:
    """A -release stands beside the version that has its score."""
    name = candidate.name
    if not isinstance(name, ModelVersion) or not name.version.release:
        return []
    beside = plain(name.version)
    if any(f"{name.series}@{beside}" in map(str, look(name.series)) for look in (family.names, family.listed)):
        return []  # an index may be late
    what = f"{name.version} stands beside {beside}, which has its score and is not released"
    return [Refusal(family.zoo.address.url, what, f"release {name.series}@{beside} first")]
