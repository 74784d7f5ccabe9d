"""`t4zoo adopt`, first half: what the manifests of a hand-filled zoo will say, and which of them are there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import ValidationError

from t4zoo.errors import T4zooError
from t4zoo.zoo.keeping.adopting.digests import Digests, OnBytes, Record, read_digests
from t4zoo.zoo.keeping.adopting.hand_filled import Found, HandFilled, LeftOut
from t4zoo.zoo.keeping.adopting.holes import Hole, Twins, find_twins, holes_of, role_in
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.manifest import FILE_NAME, Adopted, Kind, Manifest, ManifestFile, digest
from t4zoo.zoo.reading.catalogue import Released, find
from t4zoo.zoo.storage.folder import Entry, Folder
from t4zoo.zoo.version import ModelVersion

THREADS = 8
State = Literal["new", "adopted", "released", "refused"]


@dataclass(frozen=True)
class Adoption:
    """One version, and what is to be done. folder: of its manifest. state: `new` until it has one.

    manifest: None where it will not be written, or its digests are not known yet. why: of a refusal.
    """

    version: HandFilled
    folder: str
    state: State
    why: str = ""
    holes: tuple[Hole, ...] = ()
    manifest: Manifest | None = None

    @property
    def content(self) -> bytes:
        """The manifest's bytes."""
        return self.manifest.to_bytes() if self.manifest else b""

    @property
    def digest(self) -> str:
        """sha256 of the manifest."""
        return digest(self.content)


@dataclass(frozen=True)
class Plan:
    """All that an adoption will do, and all that it will leave. unread: bytes whose digests are not known yet."""

    adoptions: tuple[Adoption, ...]
    left_out: tuple[LeftOut, ...]
    twins: tuple[Twins, ...]
    unread: int = 0

    def having(self, *states: State) -> list[Adoption]:
        """The versions in these states."""
        return [adoption for adoption in self.adoptions if adoption.state in states]


@dataclass(frozen=True)
class Places:
    """source: the zoo that people filled. target: the zoo of the manifests, which may be the same."""

    source: Folder
    target: Folder
    layout: Layout

    @property
    def address(self) -> str | None:
        """What a manifest says of where the files are: nothing, if they lie in its own zoo."""
        here, there = self.source.address, self.target.address
        return None if here.url == there.url else here.url


def make_plan(
    found: Found,
    places: Places,
    record: Record,
    kinds: Mapping[str, Kind],
    read: bool = True,
    on_bytes: OnBytes = lambda count: None,
) -> Plan:
    """Read what is not known yet of the found versions, unless `read` is False, and compare it with what is adopted.

    kinds: of models, by a pattern of their names. on_bytes: hears of all bytes, those that need not be read included.
    Raises FolderError, DigestError, and ManifestError for a manifest that lies in a version's place and is none.
    """
    present = _present(found.versions, places)
    ours = {version.folder for version in found.versions if _is_release(present.get(version.folder), version, places)}
    entries = [
        Entry(version.key(file), file.size, file.etag)
        for version in found.versions
        if version.folder not in ours
        for file in version.files
    ]
    if read:
        known = read_digests(places.source, entries, record, on_bytes)
    else:
        known = {entry.path: digests for entry in entries if (digests := record.get(entry))}
    below = {version.folder: _below(version, known) for version in found.versions}
    adoptions = tuple(
        _adoption(version, places, present.get(version.folder), below[version.folder], kinds)
        for version in found.versions
    )
    twins = find_twins((version, below[version.folder]) for version in found.versions)
    unread = sum(entry.size for entry in entries if entry.path not in known)
    return Plan(adoptions, found.left_out, twins, unread)


def _present(versions: Iterable[HandFilled], places: Places) -> dict[str, Released]:
    """The versions whose names have a manifest already, by the folder of their files: one request each of those."""
    folders = {version.folder: places.layout.folder(version.name) for version in versions}
    there = {entry.path for root in places.layout.roots() for entry in places.target.list(f"{root}/" if root else "")}
    wanted = {files: folder for files, folder in folders.items() if f"{folder}/{FILE_NAME}" in there}
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda folder: find(places.target, folder), wanted.values())
        return {files: released for files, released in zip(wanted, found, strict=True) if released}


def _is_release(present: Released | None, version: HandFilled, places: Places) -> bool:
    """Whether the folder is no hand-filled one but holds a release of ours, with its manifest."""
    if present is None or present.manifest.adopted is not None:
        return False
    return places.address is None and present.folder == version.folder


def _below(version: HandFilled, known: Mapping[str, Digests]) -> dict[str, Digests]:
    keys = {file.path: version.key(file) for file in version.files}
    return {path: known[key] for path, key in keys.items() if key in known}


def _adoption(
    version: HandFilled,
    places: Places,
    present: Released | None,
    known: Mapping[str, Digests],
    kinds: Mapping[str, Kind],
) -> Adoption:
    folder = places.layout.folder(version.name)
    if _is_release(present, version, places):
        return Adoption(version, folder, "released")
    holes = holes_of(version, known)
    if len(known) < len(version.files):
        return Adoption(version, folder, "adopted" if present else "new", holes=holes)
    try:
        manifest = _manifest(version, places, known, holes, _kind(version, kinds))
    except (ValidationError, T4zooError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        return Adoption(version, folder, "refused", why, holes)
    if present is None:
        return Adoption(version, folder, "new", "", holes, manifest)
    why = _difference(manifest, present.manifest)
    return Adoption(version, folder, "refused" if why else "adopted", why, holes, present.manifest)


def _manifest(
    version: HandFilled, places: Places, known: Mapping[str, Digests], holes: tuple[Hole, ...], kind: Kind | None
) -> Manifest:
    """Equal files give equal manifests. What only a release knows stays empty."""
    files = tuple(
        ManifestFile(
            path=file.path,
            role=role_in(version, file.path),
            size=file.size,
            sha256=known[file.path].sha256,
            md5=known[file.path].md5,
        )
        for file in version.files
    )
    configs = [file for file in files if file.role == "config"]
    return Manifest(
        schema_version=1,
        name=str(version.name),
        kind=kind,
        files=files,
        source=None,
        config=configs[0].sha256 if len(configs) == 1 else None,
        packages={},
        adopted=Adopted(
            location=version.folder,
            address=places.address,
            spelling=version.spelling,
            holes=tuple(hole.text for hole in holes),
        ),
    )


def _kind(version: HandFilled, kinds: Mapping[str, Kind]) -> Kind | None:
    if not isinstance(version.name, ModelVersion):
        return None
    return next((kind for pattern, kind in kinds.items() if fnmatchcase(version.name.series, pattern)), None)


def _difference(ours: Manifest, theirs: Manifest) -> str:
    """Why the manifest that is there is not of these files; "" where it is."""
    if theirs.adopted is None or ours.adopted is None:
        return "is a release of its own already; name this folder otherwise with --name, or leave it out with --skip"
    if (theirs.adopted.address, theirs.adopted.location) != (ours.adopted.address, ours.adopted.location):
        place = f"{theirs.adopted.address or 'this zoo'}: {theirs.adopted.location}"
        return f"was adopted from elsewhere ({place}); name this folder otherwise with --name"
    now, then = ({file.path: (file.size, file.sha256) for file in manifest.files} for manifest in (ours, theirs))
    for path in sorted(now | then):
        if now.get(path) != then.get(path):
            state = "is gone" if path not in now else "is new" if path not in then else "has other bytes"
            return f"{path} {state} since it was adopted; a version never changes: give these files a version of theirs"
    return ""
