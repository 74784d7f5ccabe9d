"""One examination: everything that can be looked at from here, told in order, and what may be mended without loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from t4zoo.errors import UsageError
from t4zoo.zoo import git
from t4zoo.zoo.address import AddressError, Credentials, find_store, zoo_of
from t4zoo.zoo.keeping.doctor.finding import Finding, order
from t4zoo.zoo.keeping.doctor.index import Repair, check_index
from t4zoo.zoo.keeping.doctor.index import look as look_at_index
from t4zoo.zoo.keeping.doctor.locks import check_locks, check_named, read_locks
from t4zoo.zoo.keeping.doctor.notices import check_notices
from t4zoo.zoo.keeping.doctor.store import check_parts, check_store
from t4zoo.zoo.keeping.doctor.tags import MissingTag, Tags, check_tags, look
from t4zoo.zoo.keeping.doctor.uploads import OLD, check_uploads
from t4zoo.zoo.keeping.doctor.versions import check_bytes, check_versions, etags_are_md5
from t4zoo.zoo.keeping.stored import Stored, list_store
from t4zoo.zoo.keeping.survey import Survey, survey
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.storage.connect import connect
from t4zoo.zoo.storage.folder import Folder, FolderError, OnRequest, open_folder
from t4zoo.zoo.storage.patience import silence
from t4zoo.zoo.storage.uploads import Upload, Uploads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Step = Callable[[str, int | None], Callable[[int | str], None]]  # (title, how much there is) to what hears of progress


@dataclass(frozen=True)
class Patient:
    """What is examined. repository: around the working folder, None outside any: then the zoo alone is looked at.

    layout: of the zoo. days: of an upload after which it counts as given up.
    """

    zoo: Folder
    layout: Layout
    repository: Path | None
    days: float = OLD
    on_request: OnRequest | None = None


@dataclass(frozen=True)
class Examination:
    """findings: the gravest first. versions: how many were looked at. requests: sent for it, to zoo and store.

    index, tags, uploads: what `--fix` may do.
    """

    findings: tuple[Finding, ...]
    versions: int
    requests: int
    index: Repair | None
    tags: tuple[MissingTag, ...]
    uploads: tuple[tuple[Folder, Upload], ...]


def own_repository(zoo: Folder, repository: Path | None) -> Path | None:
    """The repository, if this is the zoo that it releases to: tags and store have nothing to do with another."""
    try:
        return repository if repository and zoo_of(repository).url == zoo.address.url else None
    except AddressError:
        return None


def examine(patient: Patient, step: Step, deep: bool = False) -> Examination:
    """Look at everything, change nothing. deep: read and hash every file of the zoo, and what the store has in parts.

    Raises FolderError where the zoo cannot be listed.
    """
    zoo = patient.zoo
    index = look_at_index(zoo)
    seen = survey(zoo, patient.layout, step("reading manifests", None), fresh=deep)
    findings = [*check_versions(seen, zoo), *check_notices(seen, zoo)]
    told, repair = check_index(index, seen, zoo)
    findings += told
    if deep:
        findings += check_bytes(seen, zoo, step("reading every file", _bytes(seen)))
    tags, told, again = _tags(patient, seen)
    findings += told
    store, told = _store(patient)
    findings += told
    if store:
        findings += _check_store(patient, seen, tags, store, step, deep)
    told, uploads = _uploads([zoo, *([store.folder] if store else [])], patient.days)
    findings += told
    requests = zoo.requests + (store.folder.requests if store else 0)
    found = tuple(sorted(set(findings), key=order))
    return Examination(found, len(seen.released()), requests, repair, tuple(again), tuple(uploads))


def _tags(patient: Patient, seen: Survey) -> tuple[Tags | None, list[Finding], list[MissingTag]]:
    root = patient.repository
    if root is None or git.root_of(root) != root:
        return None, [Finding("not-looked-at", "tags", "this is not the zoo of a git repository here", "")], []
    tags, findings = look(root, seen)
    told, again = check_tags(tags, seen)
    return tags, [*findings, *told], again


def _store(patient: Patient) -> tuple[Stored | None, list[Finding]]:
    if patient.repository is None:
        return None, [Finding("not-looked-at", "the store", "this is not the zoo of a repository here", "")]
    try:
        return list_store(open_folder(find_store(patient.repository), patient.on_request)), []
    except (AddressError, FolderError, UsageError) as error:
        return None, [Finding("not-looked-at", "the store", str(error), "")]


def _check_store(
    patient: Patient, seen: Survey, tags: Tags | None, store: Stored, step: Step, deep: bool
) -> Iterable[Finding]:
    plain = etags_are_md5(seen)
    yield from check_store(seen, store, plain)
    if deep:
        size = sum(entry.size for entry in store.objects.values() if "-" in entry.etag)
        yield from check_parts(store, step("reading the store's large objects", size))
    if tags is None or patient.repository is None:
        return
    locks = read_locks(patient.repository, tags)
    yield from check_locks(locks)
    known = {file.md5 for released in seen.released() for file in released.manifest.files}
    yield from check_named(patient.repository, locks, store, known, step("reading lists of folders", None))


def _uploads(folders: list[Folder], days: float) -> tuple[list[Finding], list[tuple[Folder, Upload]]]:
    """Of those folders that are in S3; asked by one client where they have the same credentials."""
    findings: list[Finding] = []
    old: list[tuple[Folder, Upload]] = []
    clients: dict[Credentials, tuple[S3Client, bool]] = {}
    for folder in folders:
        address = folder.address
        if address.bucket is not None:
            if address.credentials not in clients:
                clients[address.credentials] = connect(address, silence())
            told, given_up = check_uploads(Uploads(address, clients[address.credentials]), days)
            findings += told
            old += [(folder, upload) for upload in given_up]
    return findings, old


def _bytes(seen: Survey) -> int:
    return sum(file.size for released in seen.released() for file in released.manifest.files)
