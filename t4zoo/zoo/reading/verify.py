"""Does every file hold what its manifest says? In the zoo, by reading it all; or in a folder that was pulled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from t4zoo.zoo.manifest import CLAIM_NAME, FILE_NAME, LIMIT, RESERVED, ManifestFile, digest
from t4zoo.zoo.reading.locate import Located
from t4zoo.zoo.reading.pull import THREADS, FetchError, select, sha256_of
from t4zoo.zoo.storage.folder import NotListedError, persistently, read

OnFile = Callable[[str], None]

_CLAIM = re.compile(rb"[0-9a-f]{64}\n")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. expected, found: sha256, or sizes in bytes where these differ already."""

    path: str
    problem: Literal["missing", "other size", "other bytes", "extra", "other manifest"]
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        detail = f" (must be {self.expected}, is {self.found})" if self.expected else ""
        return f"{self.path}: {self.problem}{detail}"


@dataclass(frozen=True)
class Report:
    """files: how many were read. unlisted: the server does not list, so that extra files could not be looked for."""

    files: int
    size: int
    findings: tuple[Finding, ...]
    unlisted: bool = False


def verify_zoo(located: Located, done: OnFile = lambda path: None, roles: Iterable[str] = ()) -> Report:
    """Read every file of the version in the zoo and compare; the manifest with its claim; and look for extra files.

    roles: read only files of these. Raises FetchError for one that the version has no file of.
    """
    files = select(located, roles)

    def one(file: ManifestFile) -> Finding | None:
        found = _read(located, file)
        done(file.path)
        return found

    with ThreadPoolExecutor(THREADS) as pool:
        findings = [finding for finding in pool.map(one, files) if finding]
    extra, unlisted = _strangers(located)
    findings += [*_compare_with_claim(located), *extra]
    return Report(len(files), sum(file.size for file in files), tuple(findings), unlisted)


def verify_folder(
    located: Located, folder: Path, roles: Iterable[str] = (), done: OnFile = lambda path: None
) -> Report:
    """Compare a pulled folder with the version's manifest in the zoo. Raises FetchError where there is no folder."""
    if folder.exists() and not folder.is_dir():
        raise FetchError(f"{folder}: is no folder; name the one that the version was pulled into")
    if not folder.is_dir():
        raise FetchError(f"{folder}: no such folder; `t4zoo pull {located.released.name} --to {folder}` makes it")
    files = select(located, roles)
    findings = []
    for file in files:
        findings += _compare_local(folder / file.path, file)
        done(file.path)
    manifest = folder / FILE_NAME
    if not manifest.is_file():
        findings.append(Finding(FILE_NAME, "missing"))
    elif manifest.read_bytes() != located.released.content:
        findings.append(Finding(FILE_NAME, "other manifest", located.released.digest, sha256_of(manifest)))
    known = {file.path for file in located.released.manifest.files} | {FILE_NAME}
    here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    findings += [Finding(path, "extra") for path in sorted(here - known)]
    return Report(len(files), sum(file.size for file in files), tuple(findings))


def _read(located: Located, file: ManifestFile) -> Finding | None:
    def once() -> tuple[str, int] | None:
        with located.files.open(located.path(file)) as body:
            return body.digest() if body else None

    found = persistently(once)
    if found is None:
        return Finding(file.path, "missing")
    sha256, size = found
    return _compare(file, size, sha256)


def _compare(file: ManifestFile, size: int, sha256: str) -> Finding | None:
    if size != file.size:
        return Finding(file.path, "other size", f"{file.size} bytes", f"{size} bytes")
    return Finding(file.path, "other bytes", file.sha256, sha256) if sha256 != file.sha256 else None


def _compare_local(path: Path, file: ManifestFile) -> list[Finding]:
    if not path.is_file():
        return [Finding(file.path, "missing")]
    finding = _compare(file, path.stat().st_size, sha256_of(path))
    return [finding] if finding else []


def _compare_with_claim(located: Located) -> list[Finding]:
    """The claim was written first and holds the manifest's digest: one that was edited since betrays itself.

    Where both are well formed and differ, nothing here can tell which of them was edited; the tag can.
    """
    folder = located.released.folder
    claim = read(located.source, f"{folder}/{CLAIM_NAME}" if folder else CLAIM_NAME, LIMIT)
    if claim is None:
        return [Finding(CLAIM_NAME, "missing")]
    if not _CLAIM.fullmatch(claim):
        return [Finding(CLAIM_NAME, "other bytes", digest(f"{located.released.digest}\n".encode()), digest(claim))]
    claimed = claim.decode().strip()
    if claimed == located.released.digest:
        return []
    return [Finding(FILE_NAME, "other manifest", claimed, located.released.digest)]


def _strangers(located: Located) -> tuple[list[Finding], bool]:
    start = f"{located.released.folder}/" if located.released.folder else ""
    try:
        there = {entry.path.removeprefix(start) for entry in located.source.list(start)}
    except NotListedError:
        return [], True
    known = {file.path for file in located.released.manifest.files} | set(RESERVED)
    return [Finding(path, "extra") for path in sorted(there - known)], False
