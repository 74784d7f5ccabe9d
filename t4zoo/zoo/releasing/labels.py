"""What a set of auto-labels is derived from: raw predictions that never change, and the ensemble that was applied."""

from __future__ import annotations

import json
from typing import Any

from t4zoo.errors import T4zooError
from t4zoo.zoo.manifest import Labels, RawPrediction, Weights, digest, md5_digest
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.describe import Found, parse_yaml
from t4zoo.zoo.releasing.family import Family
from t4zoo.zoo.releasing.lock import Out, TrackedFile, expand
from t4zoo.zoo.releasing.origin import find_weights
from t4zoo.zoo.releasing.refusal import Refusal
from t4zoo.zoo.releasing.scenes import SPLITS
from t4zoo.zoo.version import AUTO_LABEL, AutoLabelSet, parse_name

_ENSEMBLES, _TRACKINGS = "conf/ensemble/", "conf/tracking/"


class LabelsError(T4zooError):
    """Auto-labels that do not say what they are derived from."""


def find_labels(candidate: Candidate, found: Found, family: Family) -> Labels:
    """The derivation of a set, with the released version of each model that predicted. Raises T4zooError."""
    stage = next((out.stage for out in candidate.outs() if out.path.endswith("/info_all.pkl")), None)
    if stage is None:
        raise LabelsError(f"dvc.lock: no stage made {candidate.home}/info_all.pkl; `dvc repro` and commit")
    ensemble = _noted(candidate, stage, _ENSEMBLES)
    if ensemble is None:
        raise LabelsError(f"dvc.lock: {stage} notes no {_ENSEMBLES}*.yaml and so no thresholds; `dvc repro`")
    tracking = _noted(candidate, stage, _TRACKINGS)
    raw = [dep for dep in candidate.lock.deps.get(stage, ()) if dep.path.endswith("/raw")]
    if not raw:
        raise LabelsError(f"dvc.lock: {stage} read no {AUTO_LABEL}/{{set}}/raw; `dvc repro` and commit")
    files = [file for dep in raw for file in _files(dep, candidate, found)]
    return Labels(
        raw=tuple(_raw(file, candidate, found, family) for file in sorted(files, key=lambda file: file.path)),
        ensemble=ensemble,
        ensemble_sha256=digest(_canonical(ensemble)),
        tracking=tracking,
        tracking_sha256=None if tracking is None else digest(_canonical(tracking)),
        scenes=_labelled(candidate, found),
    )


def check_models(labels: Labels, family: Family) -> list[Refusal]:
    """No model that predicted is yanked: what it says is not to be trusted any more."""
    names = sorted({raw.model.name for raw in labels.raw if raw.model.name})
    reasons = [(name, family.yanked(family.get(parse_name(name)))) for name in names]
    cure = "predict with a version that stands"
    return [Refusal(f"model {name}", f"is yanked: {reason}", cure) for name, reason in reasons if reason is not None]


def _noted(candidate: Candidate, stage: str, folder: str) -> dict[str, Any] | None:
    """The one file of `folder` that the stage ran with, as DVC noted it; None where it noted none."""
    noted = [data for path, data in candidate.lock.params.get(stage, {}).items() if path.startswith(folder)]
    if len(noted) > 1 or not all(isinstance(data, dict) for data in noted):
        raise LabelsError(f"dvc.lock: {stage} notes several files of {folder}, or a broken one; `dvc repro` and commit")
    return noted[0] if noted else None


def _files(folder: Out, candidate: Candidate, found: Found) -> list[TrackedFile]:
    """The raw predictions in a folder that the stage read; no object lists it, for each file is a stage's own out."""
    files = [file for out in candidate.lock.below(folder.path) for file in expand(out, found.objects.read)]
    rows = [{"md5": file.md5, "relpath": file.path.removeprefix(f"{folder.path}/")} for file in files]
    listing = json.dumps(sorted(rows, key=lambda row: row["relpath"]), sort_keys=True).encode()
    if f"{md5_digest(listing)}.dir" != folder.md5:
        raise LabelsError(f"{folder.path}: the labels were made from other raw predictions; `dvc repro` and commit")
    return files


def _raw(file: TrackedFile, candidate: Candidate, found: Found, family: Family) -> RawPrediction:
    name, holder = file.path.rpartition("/")[2], AutoLabelSet(file.path.split("/")[1])
    if holder == candidate.name:
        stored = found.stored[file.md5]
        size, sha256, model = stored.size, stored.sha256, _predicted_by(file, candidate, found, family)
        return RawPrediction(file=name, holder=str(holder), size=size, sha256=sha256, model=model)
    # Another set's: it has to be released, and to hold these very bytes, for a derivation to mean something.
    released = family.get(holder).manifest
    held = next((item for item in released.files if item.path == name), None)
    known = next((raw for raw in (released.labels.raw if released.labels else ()) if raw.file == name), None)
    if held is None or known is None or held.md5 != file.md5:
        raise LabelsError(f"{file.path}: {holder} was released with other raw predictions; give this set its own")
    return known


def _predicted_by(file: TrackedFile, candidate: Candidate, found: Found, family: Family) -> Weights:
    out = candidate.lock.holding(file.path)
    deps = [dep for dep in candidate.lock.deps.get(out.stage if out else "", ()) if _is_train(dep)]
    if not deps:
        raise LabelsError(f"{file.path}: dvc.lock does not say which model predicted it; `dvc repro` and commit")
    return find_weights(deps[0].path, deps, found.objects, family, candidate.name)


def _is_train(dep: Out) -> bool:
    parts = dep.path.split("/")
    return parts[0] == "models" and parts[3:4] == ["train"]


def _labelled(candidate: Candidate, found: Found) -> tuple[str, ...]:
    path = "dataset_id_list.yaml"
    file = found.tracked.get(path)
    data = parse_yaml(found.objects.read(file.md5), f"{candidate.home}/{path}") if file else None
    splits = [data.get(split) for split in SPLITS] if isinstance(data, dict) else []
    scenes = tuple(sorted({str(scene) for split in splits if isinstance(split, list) for scene in split}))
    if not scenes:
        raise LabelsError(f"{candidate.home}/{path}: names no scene; `dvc repro` and commit")
    return scenes


def _canonical(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
