"""The manifest of a candidate: every field found in its commit, its dvc.lock or the bytes that this names."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from pydantic import ValidationError

from t4zoo.zoo.manifest import Manifest, ManifestFile, Parent, Scenes, Source, role_of
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.lock import TrackedFile, expand
from t4zoo.zoo.releasing.objects import ObjectError, Objects, Stored
from t4zoo.zoo.releasing.refusal import Refusal, RefusedError

DIGEST_LINE = "manifest-sha256: "  # begins the last line of a release's tag


def describe(
    candidate: Candidate,
    tracked: dict[str, TrackedFile],
    stored: dict[str, Stored],
    parent: Parent | None,
    objects: Objects,
) -> Manifest:
    """Equal commits give equal manifests: no clock, no machine and no user of this moment goes in.

    Raises RefusedError where a field cannot be found, or two files could not stand beside each other.
    """
    files = _files(tracked, stored)
    configs = [file for file in files if file.role == "config"]
    config = next((file for file in configs if file.path == "config.py"), configs[0] if configs else None)
    metrics = next((tracked[file.path].md5 for file in files if file.path == "metrics.json"), None)
    product = candidate.entry.get("product")
    fields = {
        "schema_version": 1,
        "name": str(candidate.name),
        "product": str(product) if product else None,
        "files": files,
        "source": Source(
            commit=candidate.commit.id,
            subject=candidate.commit.subject,
            committer=candidate.commit.committer,
            time=candidate.commit.time,
            dvc_lock=hashlib.sha256(candidate.lock_bytes).hexdigest(),
        ),
        "parent": parent,
        "scenes": _scenes(candidate, objects),
        "config": config.sha256 if config else None,
        "metrics": _finite(_json(objects.read(metrics), "metrics.json")) if metrics else None,
        "packages": candidate.packages,
    }
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        refusals = [Refusal("manifest", problem["msg"], "mend what the stages write") for problem in error.errors()]
        raise RefusedError(candidate.name, refusals) from error


def note(manifest: Manifest, sha256: str) -> str:
    """The tag's message: what it is, from what, how good, and the digest that pins it."""
    scenes = manifest.scenes
    lines = [f"{manifest.name}", ""]
    if manifest.product:
        lines.append(f"product: {manifest.product}")
    lines.append(f"parent: {manifest.parent.name or manifest.parent.file}" if manifest.parent else "parent: none")
    if scenes:
        lines.append(f"scenes: {len(scenes.train)} train, {len(scenes.val)} val, {len(scenes.test)} test")
    score = (manifest.metrics or {}).get("mAP")
    if isinstance(score, int | float):
        lines.append(f"mAP: {score:.4f}")
    return "\n".join([*lines, "", f"{DIGEST_LINE}{sha256}", ""])


def _files(files: dict[str, TrackedFile], stored: dict[str, Stored]) -> tuple[ManifestFile, ...]:
    return tuple(
        ManifestFile(
            path=path,
            role=role_of(path),
            size=stored[file.md5].size,
            sha256=stored[file.md5].sha256,
            md5=file.md5,
        )
        for path, file in sorted(files.items())
    )


def _scenes(candidate: Candidate, objects: Objects) -> Scenes | None:
    """The scenes of each split, as create_info counted them; None for a model that no info file went into."""
    trained = {out.stage for out in candidate.outs("train")}
    infos = {
        dep.path for stage in trained for dep in candidate.lock.deps.get(stage, ()) if dep.path.startswith("info/")
    }
    if not infos:
        return None
    path = f"info/{candidate.entry.get('product')}/statistics.json"
    out = candidate.lock.holding(path)
    md5 = next((file.md5 for file in (expand(out, objects.read) if out else []) if file.path == path), None)
    if md5 is None:
        raise RefusedError(
            candidate.name, [Refusal("dvc.lock", f"has no {path}", "`dvc repro create_info`, then commit")]
        )
    data = _json(objects.read(md5), path)
    try:
        splits = {split: tuple(sorted(data[split]["scenes"])) for split in ("train", "val", "test")}
        return Scenes(**splits)
    except (KeyError, TypeError) as error:
        what = f"does not name the scenes of each split ({error})"
        raise RefusedError(candidate.name, [Refusal(path, what, "`dvc repro create_info`, then commit")]) from error


def _json(content: bytes, where: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise ObjectError(f"{where}: not JSON ({error})") from error


def _finite(value: Any) -> Any:
    """The same with null for what JSON cannot say: the score of a class without boxes is not a number."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
