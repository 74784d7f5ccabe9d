"""From what a person wrote to the version it names: its manifest, and the folder that its files are read from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from t4zoo.zoo.address import address_of, find_zoo
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import FILE_NAME, ManifestError, ManifestFile
from t4zoo.zoo.reading.catalogue import NotReleasedError, Released, find, get
from t4zoo.zoo.reference import AtUrl, InZoo, parse_reference
from t4zoo.zoo.storage.folder import Folder, OnRequest, open_folder


@dataclass(frozen=True)
class Located:
    """A version and where it is read. file: the one file that was named, if one was."""

    source: Folder
    released: Released
    file: ManifestFile | None

    def path(self, file: ManifestFile) -> str:
        """The file's path below `source`."""
        return f"{self.released.folder}/{file.path}" if self.released.folder else file.path


@dataclass(frozen=True)
class Where:
    """What a command knows of its surroundings. zoo: of --zoo. repository: around the working folder, if any."""

    zoo: str | None = None
    repository: Path | None = None
    on_request: OnRequest | None = None

    def open_zoo(self) -> Folder:
        """The configured zoo."""
        return open_folder(find_zoo(self.zoo, self.repository), self.on_request)


def locate(text: str, where: Where) -> Located:
    """The version that `text` names, in any of the forms of `parse_reference`.

    Raises NotReleasedError where there is none, ManifestError where it is broken or lacks the file that was named.
    """
    reference = parse_reference(text)
    found = _in_zoo(reference, where) if isinstance(reference, InZoo) else _at_url(reference, where)
    if found is None:
        raise NotReleasedError(f"{text}: no version is there: it has no {FILE_NAME}")
    source, released = found
    if reference.file is None or (isinstance(reference, AtUrl) and not reference.folder):
        return Located(source, released, None)
    file = next((file for file in released.manifest.files if file.path == reference.file), None)
    if file is None:
        names = ", ".join(file.path for file in released.manifest.files)
        raise ManifestError(f"{released.name} has no file {reference.file!r}; it has {names}")
    return Located(source, released, file)


def _in_zoo(reference: InZoo, where: Where) -> tuple[Folder, Released]:
    zoo = where.open_zoo()
    return zoo, get(zoo, load_layout(where.repository), reference.name)


def _at_url(reference: AtUrl, where: Where) -> tuple[Folder, Released] | None:
    url = reference.folder or reference.file or ""
    source = open_folder(address_of(url, where.repository), where.on_request)
    released = find(source, "")
    return (source, released) if released else None
