"""One examination: everything that can be looked at from here, told in order, and what may be mended without loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from t4zoo.errors import UsageError
from t4zoo.zoo import git
from t4zoo.zoo.address import AddressError, find_store
from t4zoo.zoo.keeping.doctor.finding import Finding, order
from t4zoo.zoo.keeping.doctor.index import Repair, check_index
from t4zoo.zoo.keeping.doctor.locks import check_locks, check_named, read_locks
from t4zoo.zoo.keeping.doctor.notices import check_notices
from t4zoo.zoo.keeping.doctor.store import check_parts, check_store
from t4zoo.zoo.keeping.doctor.tags import MissingTag, Tags, check_tags, look
from t4zoo.zoo.keeping.doctor.uploads import OLD, check_uploads
from t4zoo.zoo.keeping.doctor.versions import check_bytes, check_versions, etags_are_md5
from t4zoo.zoo.keeping.stored import Stored, list_store
from t4zoo.zoo.keeping.survey import Survey, survey
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.storage.folder import Folder, FolderError, OnRequest, open_folder
from t4zoo.zoo.storage.uploads import Upload

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


def examine(patient: Patient, step: Step, deep: bool = False) -> Examination:
    """Look at everything, change nothing. deep: read and hash every file of the zoo, and what the store has in parts.

    Raises FolderError where the zoo cannot be listed.
    """
    zoo = patient.zoo
    seen = survey(zoo, patient.layout, step("reading manifests", None), fresh=deep)
    findings = [*check_versions(seen, zoo), *check_notices(seen, zoo)]
    told, repair = check_index(seen, zoo)
    findings += told
    if deep:
        findings += check_bytes(seen, zoo, step("reading every file", _bytes(seen)))
    tags, told, again = _tags(patient, seen)
    findings += told
    store, told = _store(patient)
    findings += told
    if store:
        findings += _check_store(patient, seen, tags, store, step, deep)
    uploads: list[tuple[Folder, Upload]] = []
    for folder in (zoo, store.folder if store else None):
        if folder is not None and folder.address.bucket is not None:
            told, old = check_uploads(folder.address, patient.days)
            findings += told
            uploads += [(folder, upload) for upload in old]
    requests = zoo.requests + (store.folder.requests if store else 0)
    found = tuple(sorted(set(findings), key=order))
    return Examination(found, len(seen.released()), requests, repair, tuple(again), tuple(uploads))


def _tags(patient: Patient, seen: Survey) -> tuple[Tags | None, list[Finding], list[MissingTag]]:
    root = patient.repository
    if root is None or git.root_of(root) != root:
        return None, [Finding("not-looked-at", "tags", "here is no git repository of a zoo's", "")], []
    tags, findings = look(root, seen)
    told, again = check_tags(tags, seen)
    return tags, [*findings, *told], again


def _store(patient: Patient) -> tuple[Stored | None, list[Finding]]:
    if patient.repository is None:
        return None, [Finding("not-looked-at", "the store", "here is no repository that names it", "")]
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


def _bytes(seen: Survey) -> int:
    return sum(file.size for released in seen.released() for file in released.manifest.files)
