"""`t4zoo next`: which version the committed state would be, and why. It reads dvc.lock and the zoo, writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from t4zoo.errors import UsageError
from t4zoo.zoo.address import cache_folder
from t4zoo.zoo.bump import Bump, next_project, next_release, next_version
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.lineage import Member, breaches, plain
from t4zoo.zoo.manifest import Kind, Weights
from t4zoo.zoo.releasing.candidate import Candidate, info_version, read_candidate
from t4zoo.zoo.releasing.describe import ros_parameters
from t4zoo.zoo.releasing.family import Family
from t4zoo.zoo.releasing.gate.files import find_files
from t4zoo.zoo.releasing.gate.parameters import changes
from t4zoo.zoo.releasing.lock import TrackedFile
from t4zoo.zoo.releasing.objects import Objects
from t4zoo.zoo.releasing.origin import find_parent
from t4zoo.zoo.releasing.plan import readable_index
from t4zoo.zoo.releasing.proposal import Proposal, Wanted
from t4zoo.zoo.releasing.refusal import RefusedError, some
from t4zoo.zoo.releasing.release import open_repository
from t4zoo.zoo.releasing.scenes import info_scenes
from t4zoo.zoo.version import AUTO_LABEL, INFO, InfoVersion, ModelVersion, Name, Version, parse_model

SAME = "nothing has changed since that version"


def propose(wanted: Wanted, root: Path, objects: Objects, family: Family) -> Proposal:
    """Raises RefusedError or another T4zooError where the commit does not even have such a model."""
    head, _, tail = wanted.series.partition("/")
    if head == AUTO_LABEL:
        raise UsageError(f"{wanted.series}: auto-labels have no versions; other thresholds are a set of another name")
    if wanted.series == INFO:
        return _of_info(root, objects, family)
    if not tail or "@" in tail:
        raise UsageError(f"{wanted.series!r} names no model; write CenterPoint/t4base, or {INFO}")
    n = 0 if wanted.project else None
    placeholder = ModelVersion(head, tail, Version(0, 0, 0, wanted.project, n, wanted.release))
    try:
        return _of_model(read_candidate(placeholder, root), objects, family)
    except RefusedError as error:
        raise RefusedError(wanted.series, error.refusals) from None


def propose_here(folder: Path, wanted: Wanted) -> Proposal:
    """The same for the repository around `folder`; raises UsageError where there is none."""
    root, store, zoo = open_repository(folder)
    family = Family(zoo, load_layout(root), readable_index(zoo))
    return propose(wanted, root, Objects(cache_folder(root), store), family)


def _of_model(candidate: Candidate, objects: Objects, family: Family) -> Proposal:
    name, kind = candidate.name, candidate.kind
    assert isinstance(name, ModelVersion) and kind is not None  # noqa: S101  (read_candidate refuses any other)
    files = _files(candidate, objects)
    own = family.versions(name.series)
    alike = [version for version in own if _suffix(version) == _suffix(name.version)]
    if alike and not _differing(files, family, newest := _with(name, max(alike))):
        return Proposal(name.series, newest, SAME, candidate.commit.id, newest)
    parent = find_parent(candidate, objects, family)
    bump = _bump(kind, name, own, parent, family, ros_parameters(files, objects))
    found = _with(name, bump.version) if bump.version else None
    broken = breaches(Member(found or name, kind), _start(parent, family)) if found else []
    why = "; ".join([bump.why] if not broken else [f"{one.what}; {one.cure}" for one in broken])
    older = [version for version in own if version == plain(version) and (found is None or version < found.version)]
    last = _with(name, max(older)) if older else None
    return _compared(candidate, None if broken else found, why, files, last, family, objects)


def _compared(
    candidate: Candidate,
    found: Name | None,
    why: str,
    files: dict[str, TrackedFile],
    last: ModelVersion | None,
    family: Family,
    objects: Objects,
) -> Proposal:
    old = family.get(last).manifest.ros_parameters if last else None
    new = ros_parameters(files, objects)
    return Proposal(
        series=candidate.name.series,
        name=found,
        why=why,
        commit=candidate.commit.id,
        last=last,
        files=_differing(files, family, last) if last else (),
        count=len(files),
        parameters=changes(old, new) if old is not None and new is not None else (),
    )


def _bump(
    kind: Kind, name: ModelVersion, own: list[Version], parent: Weights | None, family: Family, parameters: Any
) -> Bump:
    start = parse_model(parent.name) if parent and parent.name else None
    if name.version.project is not None:
        return next_project(name.series, name.version.project, own, start)
    if name.version.release:
        return next_release(kind, own, start)

    def differs(version: Version) -> bool:
        theirs = family.get(_with(name, version)).manifest.ros_parameters
        return None not in (theirs, parameters) and bool(changes(theirs or {}, parameters or {}))

    return next_version(kind, own, start, differs)


def _start(parent: Weights | None, family: Family) -> Member | str | None:
    if parent is None or parent.name is None:
        return parent.file if parent else None
    name = parse_model(parent.name)
    return Member(name, family.get(name).manifest.kind)


def _of_info(root: Path, objects: Objects, family: Family) -> Proposal:
    said = info_version(root)
    candidate = read_candidate(said, root)
    files = _files(candidate, objects)
    released = [name for name in family.names(INFO) if isinstance(name, InfoVersion)]
    if not released:
        return Proposal(INFO, said, "the first version, as params.yaml has it", candidate.commit.id, count=len(files))
    last = max(released)
    differing = _differing(files, family, last)
    if not differing:
        return Proposal(INFO, last, SAME, candidate.commit.id, last)
    name, why = said, "params.yaml has a version that is free"
    if said <= last:
        name, why = _grown(last, candidate, files, objects, family)
        why += f"; write `autoware_ml: {name.version}` in params.yaml"
    return Proposal(INFO, name, why, candidate.commit.id, last, differing, len(files))


def _grown(
    last: InfoVersion, candidate: Candidate, files: dict[str, TrackedFile], objects: Objects, family: Family
) -> tuple[InfoVersion, str]:
    before, after = family.get(last).manifest.products or {}, info_scenes(candidate, files, objects)
    x, y, z = last.version.x, last.version.y, last.version.z
    if before.keys() != after.keys():
        return InfoVersion(Version(x, y + 1, 0)), f"Y+1: other products than {last}"
    if any(before[product].splits != after[product].splits for product in after):
        return InfoVersion(Version(x, y + 1, 0)), f"Y+1: other scenes than {last}"
    return InfoVersion(Version(x, y, z + 1)), f"Z+1: the scenes of {last}, told otherwise"


def _files(candidate: Candidate, objects: Objects) -> dict[str, TrackedFile]:
    files, refusals = find_files(candidate, objects)
    missing = [folder for folder in candidate.required if not candidate.lock.below(folder)]
    if missing:
        raise UsageError(f"dvc.lock: has nothing in {some(missing)}; `dvc repro` and commit")
    if refusals:
        raise RefusedError(candidate.name.series, refusals)
    return files


def _differing(files: dict[str, TrackedFile], family: Family, last: Name) -> tuple[str, ...]:
    """Paths whose bytes are not as in `last`, or that only one of both has."""
    before = {file.path: file.md5 for file in family.get(last).manifest.files}
    after = {path: file.md5 for path, file in files.items()}
    return tuple(sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path)))


def _suffix(version: Version) -> tuple[str | None, bool]:
    return version.project, version.release


def _with(name: ModelVersion, version: Version) -> ModelVersion:
    return ModelVersion(name.algorithm, name.model, version)
