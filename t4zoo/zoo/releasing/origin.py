"""Which released weights something was made from, so that a manifest can say it: found by bytes, never on trust."""

from __future__ import annotations

from typing import Any

import yaml

from t4zoo.errors import T4zooError, UsageError, in_one_line
from t4zoo.zoo import git
from t4zoo.zoo.manifest import ManifestFile, Weights, role_of
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.reference import AtUrl, parse_reference
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.family import Family
from t4zoo.zoo.releasing.lock import Out, expand, within
from t4zoo.zoo.releasing.objects import Objects
from t4zoo.zoo.version import ModelVersion, Name


class OriginError(T4zooError):
    """Weights that are not released, not named, or not those that were used."""


def find_parent(candidate: Candidate, objects: Objects, family: Family) -> Weights | None:
    """The parent of the model, None when it started from random weights.

    Raises OriginError, or another T4zooError, with what is missing.
    """
    text = candidate.entry.get("parent")
    if not text:
        return None
    if not str(text).endswith((".yaml", ".yml")):
        return _of_workspace(candidate, str(text), objects, family)
    content = git.show(candidate.root, candidate.commit.id, str(text))
    if content is None:
        raise OriginError(f"{text}: is named in params.yaml but is not in the last commit")
    try:
        data = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise OriginError(f"{text}: not YAML: {in_one_line(error)}") from error
    reference = data.get("checkpoint") if isinstance(data, dict) else None
    return _of_reference(str(text), data, str(reference), family) if reference else None


def _of_workspace(candidate: Candidate, folder: str, objects: Objects, family: Family) -> Weights:
    """Another model of this repository: the released version that has the very checkpoint which dvc.lock names."""
    train = {out.stage for out in candidate.lock.below(candidate.folder("train"))}
    deps = [dep for stage in train for dep in candidate.lock.deps.get(stage, ()) if within(dep.path, folder)]
    return find_weights(folder, deps, objects, family, candidate.name)


def find_weights(folder: str, deps: list[Out], objects: Objects, family: Family, child: Name) -> Weights:
    """The released version whose checkpoint is among `deps`, which lie in the workspace folder of a model.

    Of several, the newest that shares the child's X.Y, or else the newest. Raises OriginError where none has it.
    """
    tracked = [file for dep in deps for file in expand(dep, objects.read)]
    wanted = {file.md5 for file in tracked if role_of(file.path.rpartition("/")[2]) == "checkpoint"}
    parts = folder.split("/")
    if not wanted or parts[0] != "models" or len(parts) < 3:
        raise OriginError(f"{folder}: dvc.lock names no checkpoint of it that was read; `dvc repro` and commit")
    series = "/".join(parts[1:3])
    for look in (family.names, family.listed):  # an index may be late
        for name in _nearest_first(look(series), child):
            released = family.get(name)
            for file in released.manifest.of_role("checkpoint"):
                if file.md5 in wanted:
                    return _weights(released, file)
    raise OriginError(f"{folder}: no version of {series} in the zoo has this checkpoint; release that model first")


def _nearest_first(names: list[Name], child: Name) -> list[Name]:
    def key(name: Name) -> tuple[bool, bool, Name]:
        assert isinstance(name, ModelVersion)  # noqa: S101  (of a series of models)
        ours = child.version if isinstance(child, ModelVersion) else name.version
        return (name.version.x, name.version.y) == (ours.x, ours.y), not name.version.release, name

    return sorted(names, key=key, reverse=True)


def _of_reference(path: str, data: dict[str, Any], text: str, family: Family) -> Weights:
    try:
        reference = parse_reference(text)
    except UsageError as error:
        raise OriginError(f"{path}: {error}") from error
    declared = data.get("sha256")
    released: Released | None
    if isinstance(reference, AtUrl):
        inside = reference.folder.startswith(f"{family.zoo.address.url}/")
        released = family.at(reference.folder.removeprefix(f"{family.zoo.address.url}/")) if inside else None
    else:
        released = family.get(reference.name)
    if released is None:
        if not declared:
            raise OriginError(f"{path}: {text} is not in the zoo; give the sha256 of those weights beside it")
        return Weights(name=None, manifest=None, file=text, sha256=str(declared))
    files = [
        file
        for file in released.manifest.of_role()
        if file.path == reference.file or (reference.file is None and file.role == "checkpoint")
    ]
    if not files:
        raise OriginError(f"{path}: {released.name} has no file {reference.file or 'of the role checkpoint'}")
    if declared and declared != files[0].sha256:
        raise OriginError(f"{path}: sha256 is {declared}, but {text} is {files[0].sha256}")
    return _weights(released, files[0])


def _weights(released: Released, file: ManifestFile) -> Weights:
    return Weights(name=str(released.name), manifest=released.digest, file=file.path, sha256=file.sha256)
