"""`t4zoo release`, first half: from a commit to a plan, a list of values that can be read before it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from t4zoo.zoo import git
from t4zoo.zoo.address import cache_folder
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.manifest import FENCE, FILE_NAME, LIMIT, Manifest, ManifestError, ManifestFile, digest, parse_manifest
from t4zoo.zoo.reading.index import Index, ZooIndexError, read_index
from t4zoo.zoo.releasing.candidate import Candidate, read_candidate
from t4zoo.zoo.releasing.describe import DIGEST_LINE, Found, describe, note
from t4zoo.zoo.releasing.family import Family
from t4zoo.zoo.releasing.gate.contract import Inspect
from t4zoo.zoo.releasing.gate.files import check_roles, find_files
from t4zoo.zoo.releasing.gate.model import Exported, ModelReport, check_model
from t4zoo.zoo.releasing.gate.state import check_git, check_lock, check_workspace
from t4zoo.zoo.releasing.gate.stored import check_store
from t4zoo.zoo.releasing.labels import check_models, find_labels
from t4zoo.zoo.releasing.lock import key_of
from t4zoo.zoo.releasing.objects import Objects
from t4zoo.zoo.releasing.refusal import Reasons, Refusal, RefusedError
from t4zoo.zoo.storage.folder import Folder, read
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.version import AutoLabelSet, ModelVersion, Name


@dataclass(frozen=True)
class Copy:
    """One copy inside S3. source: key below the store, pinned by its entity tag. file: what it becomes."""

    source: str
    etag: str
    file: ManifestFile


@dataclass(frozen=True)
class Plan:
    """All that a release will do. folder: below the zoo's address. content: the manifest's bytes.

    is_released: the zoo has this very manifest already. is_tagged: so does the tag. report: of a model.
    """

    name: Name
    root: Path
    commit: str
    folder: str
    manifest: Manifest
    content: bytes
    copies: tuple[Copy, ...]
    note: str
    is_released: bool
    is_tagged: bool
    report: ModelReport | None
    index: Index | None  # as the zoo had it; empty and without a tag where it had none, None where it is broken

    @property
    def digest(self) -> str:
        """sha256 of the manifest: the identity of the version."""
        return digest(self.content)


def make_plan(
    name: Name,
    root: Path,
    store: S3Folder,
    zoo: S3Folder,
    layout: Layout,
    done: Callable[[str], None] = lambda path: None,
    inspect: Inspect | None = None,
    sure: bool = False,
) -> Plan:
    """Look at everything, write nothing. Raises RefusedError with all reasons why HEAD cannot be this version.

    done: hears of each file whose object has been checked. inspect: finds what is wrong with exported files; None
    looks at none. sure: ask the zoo for the version even if the index, which may be late, does not know it.
    """
    candidate = read_candidate(name, root)
    objects = Objects(cache_folder(root), store)
    reasons = Reasons([*check_git(candidate), *check_lock(candidate), *check_workspace(candidate)])
    reasons += _check_service(store, zoo)
    files, problems = find_files(candidate, objects)
    reasons += problems or check_roles(candidate, sorted(files))
    stored, problems = check_store(files, objects, done)
    reasons += problems
    is_whole = len(stored) == len({file.md5 for file in files.values()})
    index = readable_index(zoo)
    family, report = Family(zoo, layout, index), None
    if isinstance(name, ModelVersion):
        report = check_model(candidate, Exported(files, is_whole, inspect), objects, family, reasons)
    found = Found(files, stored, objects)
    manifest = reasons.attempt(lambda: _manifest(candidate, found, report, family, reasons)) if is_whole else None
    content = (reasons.attempt(lambda: _readable(manifest)) if manifest else None) or b""
    folder = layout.folder(name)
    # A version that the index does not know yet is found by its claim; one that it knows is asked for what it is.
    is_asked = sure or index is None or index.get(name)
    present = read(zoo, f"{folder}/{FILE_NAME}", LIMIT) if is_asked else None
    tag = git.tag(root, name.tag)
    reasons += [*_check_zoo(zoo, folder, present, content, candidate), *_check_tag(tag, content, candidate)]
    if reasons or manifest is None:
        raise RefusedError(name, reasons.once())
    return Plan(
        name=name,
        root=root,
        commit=candidate.commit.id,
        folder=folder,
        manifest=manifest,
        content=content,
        copies=tuple(Copy(key_of(file.md5), stored[file.md5].etag, file) for file in manifest.files),
        note=note(manifest, digest(content)),
        is_released=present is not None,
        is_tagged=tag is not None,
        report=report,
        index=index,
    )


def _manifest(
    candidate: Candidate, found: Found, report: ModelReport | None, family: Family, reasons: Reasons
) -> Manifest:
    labels = find_labels(candidate, found, family) if isinstance(candidate.name, AutoLabelSet) else None
    reasons += check_models(labels, family) if labels else []
    return describe(candidate, found, report.parent if report else None, labels)


def _readable(manifest: Manifest) -> bytes:
    """Its bytes, which every reader will take; raises ManifestError where a value is one that JSON or they refuse."""
    try:
        content = manifest.to_bytes()
    except ValueError as error:  # of a parameter that is no number, or text that is no Unicode
        raise ManifestError(f"the manifest cannot be written: {error}") from error
    parse_manifest(content, "the manifest as it would be")
    return content


def readable_index(zoo: Folder) -> Index | None:
    """The zoo's index, empty where it has none, and None where it is broken."""
    try:
        return read_index(zoo) or Index(())
    except ZooIndexError:
        return None


def _check_service(store: S3Folder, zoo: S3Folder) -> list[Refusal]:
    ours, theirs = store.address.credentials.endpoint, zoo.address.credentials.endpoint
    if ours == theirs:
        return []
    what = f"store is at {ours or 'Amazon'} and zoo at {theirs or 'Amazon'}"
    return [Refusal(".dvc/config", what, "a release copies inside one service: give both the same endpointurl")]


def _check_zoo(
    zoo: S3Folder, folder: str, present: bytes | None, content: bytes, candidate: Candidate
) -> list[Refusal]:
    if present is None or present == content:
        return []
    if present == FENCE:
        cure = f"`t4zoo release {candidate.name} --abandon` finishes that"
        return [Refusal(zoo.address.url_of(folder), "is being abandoned", cure)]
    if not content:
        # Other reasons keep us from comparing the bytes; the commit alone can show that they differ.
        source = parse_manifest(present, zoo.address.url_of(folder)).source
        if source and source.commit == candidate.commit.id:
            return []
        origin = f"commit {source.commit[:10]}" if source else "no commit"
        what = f"is released already, from {origin} (manifest sha256 {digest(present)})"
    else:
        what = f"is released already with other bytes: manifest sha256 {digest(present)}; this one is {digest(content)}"
    return [Refusal(zoo.address.url_of(folder), what, "a released version never changes: release the next one")]


def _check_tag(tag: git.Tag | None, content: bytes, candidate: Candidate) -> list[Refusal]:
    if tag is None or tag.commit != candidate.commit.id or not content:
        return []  # a tag on another commit is the business of the git check
    lines = tag.message.splitlines()
    if f"{DIGEST_LINE}{digest(content)}" in lines:
        return []
    said = next((line for line in lines if line.startswith(DIGEST_LINE)), "no manifest")
    what = f"names {said}, and this release has sha256 {digest(content)}"
    return [Refusal(f"tag {tag.name}", what, "release the next version, or delete a tag that you made by hand")]
