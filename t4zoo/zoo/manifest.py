"""The manifest of a version: what it holds, and where it came from. A version exists when its manifest does."""

from __future__ import annotations

import hashlib
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from unicodedata import normalize

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from t4zoo.errors import T4zooError
from t4zoo.zoo.address import parse_address
from t4zoo.zoo.version import AutoLabelSet, InfoVersion, Name, parse_name

FILE_NAME = "manifest.json"
CLAIM_NAME = ".claim"  # digest of the manifest to come, written first; says who may publish this version
NOTICE_NAME = "notice.json"  # what was said of the version after its release; the one object that changes
FENCE = b"This version was never released and is being abandoned.\n"  # in a manifest's place while that goes on
RESERVED = (FILE_NAME, CLAIM_NAME, NOTICE_NAME)
LIMIT = 16 * 1024**2  # bytes of the largest manifest that is read
SCHEMA_VERSION = 1

ModelRole = Literal["checkpoint", "config", "train_log", "test_log", "scalars", "onnx", "ros_param", "metrics", "plot"]
DataRole = Literal["info", "statistics", "prediction", "label", "dataset_list", "log"]
Role = ModelRole | DataRole | Literal["other"]
Kind = Literal["public", "pretrain", "base", "product", "variant"]

# The role of a model's file by its path in the version; the first pattern that fits decides.
ROLES: tuple[tuple[str, Role], ...] = (
    ("plots/*", "plot"),
    ("*.png", "plot"),
    ("*.pth", "checkpoint"),
    ("*.py", "config"),
    ("test_log.log", "test_log"),
    ("train_log.log", "train_log"),
    ("log.log", "train_log"),  # as the layout's specification shows it
    ("scalars.json", "scalars"),
    ("loss.csv", "scalars"),
    ("*.onnx", "onnx"),
    ("*.param.yaml", "ros_param"),
    ("metrics.json", "metrics"),
    ("*", "other"),
)
INFO_ROLES: tuple[tuple[str, Role], ...] = (("*.pkl", "info"), ("*/statistics.json", "statistics"), ("*", "other"))
AUTO_LABEL_ROLES: tuple[tuple[str, Role], ...] = (
    ("pseudo_infos_raw_*.pkl", "prediction"),
    ("pseudo_infos_raw_*.parquet", "prediction"),
    ("*.pkl", "label"),
    ("dataset_id_list.yaml", "dataset_list"),
    ("log.log", "log"),
    ("*", "other"),
)

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Md5 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Size = Annotated[int, Field(ge=0, lt=2**63)]


class ManifestError(T4zooError):
    """Bytes that are no manifest, or one that no release of ours would write."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ManifestFile(_Record):
    """One file of the version: its path below the version's folder, size in bytes, and digests."""

    path: Annotated[str, Field(min_length=1, max_length=1024)]
    role: Role
    size: Size
    sha256: Sha256
    md5: Md5

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        parts = self.path.split("/")
        if (
            any(part in ("", ".", "..") for part in parts)
            or any(c in "\\:" or not c.isprintable() for c in self.path)
            or parts[0] in RESERVED
        ):
            raise ValueError(f"the path {self.path!r} leads out of the version's folder, or means something else there")
        return self


class Source(_Record):
    """The commit that was released: its id, first line, committer and time (UTC); and the sha256 of its dvc.lock."""

    commit: Annotated[str, Field(pattern="^[0-9a-f]{40,64}$")]
    subject: str
    committer: str
    time: str
    dvc_lock: Sha256


class Weights(_Record):
    """A checkpoint that something was made from: a released version and its manifest's digest, or weights by URL.

    name, manifest: None where no release is known. file: its path in the version, or its URL. sha256: of that file.
    """

    name: str | None
    manifest: Sha256 | None
    file: str
    sha256: Sha256


class Waiver(_Record):
    """An error of a scene, `{T4 dataset id}/{revision}`, that a person let pass: which rule, how often, and why."""

    scene: str
    rule: str
    times: Annotated[int, Field(ge=1, lt=2**63)]
    reason: str


class Scenes(_Record):
    """Scenes of each split, `{T4 dataset id}/{revision}`. waivers: what was let pass of them, by scene and rule.

    Where there are none they are not written, so that such manifests are what they were before there were any.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    waivers: Annotated[tuple[Waiver, ...], Field(exclude_if=lambda found: not found)] = ()

    @property
    def splits(self) -> tuple[tuple[str, ...], ...]:
        """The scenes alone."""
        return self.train, self.val, self.test


class RawPrediction(_Record):
    """The raw boxes of one model, from which labels are derived. holder: the released set that has the file."""

    file: str
    holder: str
    size: Size
    sha256: Sha256
    model: Weights


class Labels(_Record):
    """What labels are: raw predictions, and how they were made one, as configured: the ensemble (models, thresholds,
    weights, groups, filters) and the tracking, which sets of earlier days do not name.

    ensemble_sha256, tracking_sha256: of either as canonical JSON. scenes: that were labelled,
    `{T4 dataset id}/{revision}`.
    """

    raw: tuple[RawPrediction, ...]
    ensemble: dict[str, Any]
    ensemble_sha256: Sha256
    tracking: dict[str, Any] | None = None
    tracking_sha256: Sha256 | None = None
    scenes: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """What predicted, each once; a model may have several files."""
        return tuple(dict.fromkeys(raw.model.name or raw.model.file for raw in self.raw))


class Adopted(_Record):
    """A version that people filled by hand. location: the folder of its files, a key as it stands, below `address`.

    address: URL of the zoo that has the files; None where that is the zoo that has the manifest.
    spelling: what people called the version. holes: what a release would have had, and this has not.
    """

    location: Annotated[str, Field(min_length=1, max_length=1024)]
    address: str | None = None
    spelling: str
    holes: tuple[str, ...]

    @model_validator(mode="after")
    def _stays_inside(self) -> Self:
        if any(part in ("", ".", "..") for part in self.location.split("/")):
            raise ValueError(f"the location {self.location!r} leads out of the zoo")
        if self.address is not None and parse_address(self.address).is_local:
            raise ValueError(f"{self.address!r}: files lie where everybody can read them: at s3:// or https://")
        return self


class Manifest(_Record):
    """Everything that a reader needs to judge and fetch a version. Equal releases have equal bytes.

    Of a model: kind, product, parent, scenes, config, metrics, ros_parameters. Of info: products. Of a set of
    auto-labels: labels. source: None only where `adopted` says why.
    """

    schema_version: Literal[1]
    name: str
    kind: Kind | None = None
    product: str | None = None
    files: tuple[ManifestFile, ...]
    source: Source | None
    parent: Weights | None = None
    scenes: Scenes | None = None
    products: dict[str, Scenes] | None = None
    labels: Labels | None = None
    config: Sha256 | None = None  # of the resolved configuration
    metrics: dict[str, Any] | None = None  # as evaluate wrote them
    ros_parameters: dict[str, Any] | None = None  # what the ROS node reads: file -> its parameters, without file names
    packages: dict[str, str]  # the pinned environment: package -> version
    adopted: Adopted | None = None

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        parse_name(self.name)
        if self.source is None and self.adopted is None:
            raise ValueError("a version that was not adopted names the commit that it comes from")
        paths = [file.path for file in self.files]
        if paths != sorted(paths) or len(set(paths)) != len(paths):
            raise ValueError("files must be sorted by path, each once")
        # As the file systems compare that know neither case nor how an accent is spelt.
        folded = {normalize("NFC", path).casefold() for path in paths}
        if len(folded) != len(paths):
            raise ValueError("two paths differ in case or spelling only, and would be one file on some machines")
        folders = {path[: match.start()] for path in folded for match in re.finditer("/", path)}
        if both := folders & folded:
            raise ValueError(f"{min(both)!r} is both a file and a folder")
        return self

    @property
    def version(self) -> Name:
        """The name, parsed."""
        return parse_name(self.name)

    def of_role(self, *roles: str) -> list[ManifestFile]:
        """Files of these roles, all files if none is given."""
        return [file for file in self.files if not roles or file.role in roles]

    def to_bytes(self) -> bytes:
        """The one spelling of this manifest: sorted keys, UTF-8, two spaces, a line feed at the end."""
        data = self.model_dump(mode="json")
        return (json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def role_of(path: str, name: Name | None = None) -> Role:
    """The role that a file's path gives it in the version `name`: a model's, where none is given."""
    roles = (
        INFO_ROLES if isinstance(name, InfoVersion) else AUTO_LABEL_ROLES if isinstance(name, AutoLabelSet) else ROLES
    )
    return next(role for pattern, role in roles if fnmatchcase(path, pattern))


def md5_digest(content: bytes) -> str:
    """md5 in hex: how DVC names an object, and how S3 tags one that came in one piece; no proof against malice."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def digest(content: bytes) -> str:
    """sha256 in hex: of a manifest's bytes, the identity of a version."""
    return hashlib.sha256(content).hexdigest()


def parse_manifest(content: bytes, where: str) -> Manifest:
    """Read a manifest from anywhere; raises ManifestError for anything that a release would not write."""
    if len(content) > LIMIT:
        raise ManifestError(f"{where}: {len(content)} bytes are more than any manifest has")
    try:
        data = json.loads(content, parse_int=_number, parse_constant=_number)
    except (ValueError, RecursionError):
        raise ManifestError(f"{where}: not JSON") from None
    if (
        isinstance(data, dict)
        and isinstance(data.get("schema_version"), int)
        and data["schema_version"] > SCHEMA_VERSION
    ):
        raise ManifestError(
            f"{where}: written by a newer t4zoo (schema {data['schema_version']}); update t4zoo to read it"
        )
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise ManifestError(f"{where}: not a manifest: {field}: {first['msg']}") from None
    except T4zooError as error:
        raise ManifestError(f"{where}: {error}") from None


def _number(text: str) -> int:
    """An integer of at most 64 bits, or thereabouts: what counts and measures need, and no NaN or Infinity."""
    if len(text) > 20:
        raise ValueError(text[:20])
    return int(text)


def schema() -> dict[str, Any]:
    """The published JSON schema, as in manifest.schema.json beside this file."""
    return Manifest.model_json_schema(mode="serialization")


def schema_path() -> Path:
    """Where the published schema lies."""
    return Path(__file__).with_name("manifest.schema.json")
