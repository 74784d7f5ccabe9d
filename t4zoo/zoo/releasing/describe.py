"""The manifest of a candidate: every field found in its commit, its dvc.lock or the bytes that this names."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from t4zoo.errors import in_one_line
from t4zoo.zoo.manifest import Labels, Manifest, ManifestFile, Source, Weights, role_of
from t4zoo.zoo.releasing.candidate import Candidate
from t4zoo.zoo.releasing.lock import TrackedFile
from t4zoo.zoo.releasing.objects import ObjectError, Objects, Stored
from t4zoo.zoo.releasing.refusal import Refusal, RefusedError
from t4zoo.zoo.releasing.scenes import info_scenes, read_json, scenes_of
from t4zoo.zoo.version import InfoVersion, ModelVersion, Name

DIGEST_LINE = "manifest-sha256: "  # begins the last line of a release's tag


@dataclass(frozen=True)
class Found:
    """What the gate has found of a candidate. tracked: by path in the version. stored: by md5."""

    tracked: dict[str, TrackedFile]
    stored: dict[str, Stored]
    objects: Objects

    def files(self, name: Name) -> tuple[ManifestFile, ...]:
        """The files of the manifest."""
        return tuple(self._file(path, file.md5, name) for path, file in sorted(self.tracked.items()))

    def _file(self, path: str, md5: str, name: Name) -> ManifestFile:
        stored = self.stored[md5]
        return ManifestFile(path=path, role=role_of(path, name), size=stored.size, sha256=stored.sha256, md5=md5)

    def json(self, path: str) -> Any:
        """What a JSON file of the version says; None where it has no such file."""
        file = self.tracked.get(path)
        return read_json(self.objects, file.md5, path) if file else None


def describe(candidate: Candidate, found: Found, parent: Weights | None, labels: Labels | None) -> Manifest:
    """Equal commits give equal manifests: no clock, no machine and no user of this moment goes in.

    parent: of a model. labels: of a set of auto-labels.
    Raises RefusedError where a field cannot be found, or two files could not stand beside each other.
    """
    fields = {
        "schema_version": 1,
        "name": str(candidate.name),
        "files": found.files(candidate.name),
        "source": Source(
            commit=candidate.commit.id,
            subject=candidate.commit.subject,
            committer=candidate.commit.committer,
            time=candidate.commit.time,
            dvc_lock=hashlib.sha256(candidate.lock_bytes).hexdigest(),
        ),
        "packages": candidate.packages,
        "labels": labels,
        "products": info_scenes(candidate, found.tracked, found.objects)
        if isinstance(candidate.name, InfoVersion)
        else None,
        **(_of_model(candidate, found, parent) if isinstance(candidate.name, ModelVersion) else {}),
    }
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        refusals = [Refusal("manifest", problem["msg"], "mend what the stages write") for problem in error.errors()]
        raise RefusedError(candidate.name, refusals) from error


def _of_model(candidate: Candidate, found: Found, parent: Weights | None) -> dict[str, Any]:
    files = found.files(candidate.name)
    configs = [file for file in files if file.role == "config"]
    config = next((file for file in configs if file.path == "config.py"), configs[0] if configs else None)
    product = candidate.entry.get("product")
    return {
        "kind": candidate.kind,
        "product": str(product) if product else None,
        "parent": parent,
        "scenes": scenes_of(candidate, found.objects),
        "config": config.sha256 if config else None,
        "metrics": _finite(found.json("metrics.json")),
        "ros_parameters": ros_parameters(found.tracked, found.objects),
    }


def ros_parameters(tracked: dict[str, TrackedFile], objects: Objects) -> dict[str, Any] | None:
    """What the node reads, by file: all parameters but the names of files beside it. None without such a file."""
    names = [path for path in sorted(tracked) if role_of(path) == "ros_param"]
    return {name: _parameters(parse_yaml(objects.read(tracked[name].md5), name)) for name in names} or None


def _parameters(value: Any) -> Any:
    if isinstance(value, list):
        return [_parameters(item) for item in value]
    if not isinstance(value, dict):
        return value
    for wrapper in ("/**", "ros__parameters"):
        value = value.get(wrapper, value)
    return {str(key): _parameters(item) for key, item in value.items() if not str(key).endswith("_path")}


def note(manifest: Manifest, sha256: str) -> str:
    """The tag's message: what it is, from what, how good, and the digest that pins it."""
    scenes, labels = manifest.scenes, manifest.labels
    lines = [f"{manifest.name}", ""]
    if manifest.product:
        lines.append(f"product: {manifest.product}")
    if manifest.kind:
        lines.append(f"kind: {manifest.kind}")
        lines.append(f"parent: {manifest.parent.name or manifest.parent.file}" if manifest.parent else "parent: none")
    if scenes:
        lines.append(f"scenes: {len(scenes.train)} train, {len(scenes.val)} val, {len(scenes.test)} test")
    if manifest.products:
        lines.append(f"products: {', '.join(manifest.products)}")
    if labels:
        lines.append(f"models: {', '.join(labels.models)}")
        lines.append(f"scenes: {len(labels.scenes)} labelled")
    score = (manifest.metrics or {}).get("mAP")
    if isinstance(score, int | float):
        lines.append(f"mAP: {score:.4f}")
    return "\n".join([*lines, "", f"{DIGEST_LINE}{sha256}", ""])


def parse_yaml(content: bytes, where: str) -> Any:
    """What a YAML file says; raises ObjectError."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, Loader=yaml.SafeLoader)):
            raise ValueError("it uses aliases, of which a few can stand for billions of values")
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ObjectError(f"{where}: not YAML ({in_one_line(error)})") from error


def _finite(value: Any) -> Any:
    """The same with null for what JSON cannot say: the score of a class without boxes is not a number."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
