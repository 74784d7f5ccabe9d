"""Is every version in the zoo what its manifest says? By one listing: names, sizes, and entity tags that are md5."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from t4zoo.zoo.keeping.doctor.finding import Finding
from t4zoo.zoo.keeping.survey import Held, Survey, in_its_place
from t4zoo.zoo.manifest import CLAIM_NAME, FILE_NAME, LIMIT, RESERVED, ManifestFile, md5_digest
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.storage.folder import Entry, Folder, read

THREADS = 8
_AGAIN = "`t4zoo yank` the version, and release the next one"


def check_versions(survey: Survey, zoo: Folder) -> list[Finding]:
    """Everything about versions that their manifests, claims and the listing tell."""
    plain = etags_are_md5(survey)
    known = {path for held in survey.held.values() for path in files_of(held, zoo)}
    findings = [finding for held in survey.held.values() for finding in _check(held, survey, zoo, plain, known)]
    strays = [path for path in survey.strays if path not in known]
    return [*findings, *_strays(strays, zoo), *_collisions(survey)]


def check_bytes(survey: Survey, zoo: Folder, done: Callable[[int], None]) -> list[Finding]:
    """Read every file whose size is right and compare it with its manifest. done: hears of the bytes read."""
    waiting = [
        (held.released, path, file)
        for held in survey.held.values()
        if held.released
        for path, file in files_of(held, zoo).items()
        if path in survey.objects and survey.objects[path].size == file.size
    ]

    def one(item: tuple[Released, str, ManifestFile]) -> Finding | None:
        released, path, file = item
        with zoo.open(path) as body:
            sha256, size = body.digest() if body else ("", 0)
        done(size)
        what = f"sha256 must be {file.sha256}, is {sha256}"
        return None if sha256 == file.sha256 else _drifted(released, zoo, path, what, file)

    with ThreadPoolExecutor(THREADS) as pool:
        return [finding for finding in pool.map(one, waiting) if finding]


def etags_are_md5(survey: Survey) -> bool:
    """Whether entity tags here are the md5 of what was stored in one piece, which encrypting servers change."""
    for held in survey.held.values():
        if held.released:
            return md5_digest(held.released.content) == held.entries[FILE_NAME].etag
    return True


def _check(held: Held, survey: Survey, zoo: Folder, plain: bool, known: set[str]) -> Iterator[Finding]:
    """known: files of all versions, which may lie in a folder that is called as another version's would be."""
    url = zoo.address.url_of
    if held.problem:
        cure = f"remove it, and {_rewrites(held)}"
        yield Finding("manifest-broken", url(held.folder), held.problem, cure)
    elif held.released is None:
        if any(entry.path not in known for entry in held.entries.values()):
            yield _unfinished(held, zoo)
    elif not in_its_place(held):
        what = f"says that it is {held.released.name}"
        yield Finding("manifest-misplaced", url(held.folder), what, "somebody copied it there: remove the copy")
    else:
        yield from _check_claim(held.released, held, zoo, plain)
        yield from _check_files(held.released, held, survey, zoo, plain)


def _unfinished(held: Held, zoo: Folder) -> Finding:
    claim = held.entries.get(CLAIM_NAME)
    since = f" since {claim.modified[:10]}" if claim and claim.modified else ""
    what = f"claimed{since}, with {len(held.entries) - 1} files" if claim else f"{len(held.entries)} files, no claim"
    if FILE_NAME in held.entries:
        cure = f"`t4zoo release {held.name} --abandon` was broken off: run it again"
    elif claim:
        cure = f"run that release again from its commit, or `t4zoo release {held.name} --abandon` removes it"
    else:
        cure = "`t4zoo adopt` takes what people put there"
    return Finding("publish-unfinished", zoo.address.url_of(held.folder), what, cure)


def _check_claim(released: Released, held: Held, zoo: Folder, plain: bool) -> Iterator[Finding]:
    """By the entity tag: the claim is the manifest's digest and a line feed."""
    claim = held.entries.get(CLAIM_NAME)
    if claim is None:
        if released.manifest.adopted is None:
            yield Finding("claim-missing", str(released.name), "has no claim", _rewrites(held))
        return
    if plain and claim.etag == md5_digest(f"{released.digest}\n".encode()):
        return
    said = (read(zoo, claim.path, LIMIT) or b"").decode(errors="replace").strip()
    if said != released.digest:
        what = f"the claim says sha256 {said[:64]}, and the manifest has {released.digest}"
        cure = f"the tag tells which of both is right: remove the other, and {_rewrites(held)}"
        yield Finding("manifest-not-claimed", str(released.name), what, cure)


def _check_files(released: Released, held: Held, survey: Survey, zoo: Folder, plain: bool) -> Iterator[Finding]:
    files = files_of(held, zoo)
    for path, file in files.items():
        entry = survey.objects.get(path)
        if entry is None:
            yield Finding("file-missing", zoo.address.url_of(path), f"is a file of {released.name}", _copy_of(file))
        elif difference := _difference(file, entry, plain):
            yield _drifted(released, zoo, path, difference, file)
    for entry in sorted(held.entries.values(), key=lambda entry: entry.path):
        if entry.path not in files and entry.path.removeprefix(f"{held.folder}/") not in RESERVED:
            what = f"is no file of {released.name}"
            yield Finding("file-extra", zoo.address.url_of(entry.path), what, "remove it")


def _difference(file: ManifestFile, entry: Entry, plain: bool) -> str:
    if entry.size != file.size:
        return f"must have {file.size} bytes, has {entry.size}"
    if plain and len(entry.etag) == 32 and entry.etag != file.md5:  # of what was stored in parts it tells nothing
        return f"md5 must be {file.md5}, is {entry.etag}"
    return ""


def _drifted(released: Released, zoo: Folder, path: str, what: str, file: ManifestFile) -> Finding:
    return Finding("file-drifted", zoo.address.url_of(path), f"of {released.name}: {what}", _copy_of(file))


def _copy_of(file: ManifestFile) -> str:
    """How a file of a version is mended: the store has it by the same bytes' md5, unless it lost it or never had it."""
    return f"copy files/md5/{file.md5[:2]}/{file.md5[2:]} of the store there if it has that; else {_AGAIN}"


def _rewrites(held: Held) -> str:
    return f"`t4zoo release {held.name}` on its commit writes it again"


def files_of(held: Held, zoo: Folder) -> dict[str, ManifestFile]:
    """The manifest's files by path below the zoo: of an adopted version, where people had put them.

    None of those that lie in another zoo: `t4zoo verify` reads them there.
    """
    manifest = held.manifest
    if manifest is None or (manifest.adopted and manifest.adopted.address not in (None, zoo.address.url)):
        return {}
    folder = manifest.adopted.location if manifest.adopted else held.folder
    return {f"{folder}/{file.path}": file for file in manifest.files}


def _strays(paths: Iterable[str], zoo: Folder) -> Iterator[Finding]:
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folders[path.rpartition("/")[0]].append(path)
    for folder, inside in sorted(folders.items()):
        what = f"{len(inside)} objects of no version, as {inside[0].rpartition('/')[2]}"
        yield Finding("object-stray", zoo.address.url_of(folder), what, "`t4zoo adopt` takes what people put there")


def _collisions(survey: Survey) -> Iterator[Finding]:
    folders: dict[str, list[str]] = defaultdict(list)
    for folder in survey.held:
        folders[folder.casefold()].append(folder)
    for same in folders.values():
        if len(same) > 1:
            cure = "release under one spelling only"
            yield Finding("names-collide", same[0], f"differs from {same[1]} in case only", cure)
