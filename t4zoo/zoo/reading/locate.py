"""From what a person wrote to the version it names: its manifest, and the folder that its files are read from."""

from __future__ import annotations

from dataclasses import dataclass

from t4zoo.zoo.address import address_of
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import FILE_NAME, ManifestError, ManifestFile
from t4zoo.zoo.reading.catalogue import NotReleasedError, Released, find, get
from t4zoo.zoo.reading.notice import Notice, read_notice
from t4zoo.zoo.reading.where import Where as Where
from t4zoo.zoo.reference import AtUrl, InZoo, parse_reference
from t4zoo.zoo.storage.folder import Folder, open_folder


@dataclass(frozen=True)
class Located:
    """A version and where it is read. file: the one file that was named, if one was. notice: what was said of it.

    holder: the folder that has its files, where that is not `source`, which has its manifest: of an adopted version.
    """

    source: Folder
    released: Released
    file: ManifestFile | None
    notice: Notice | None = None
    holder: Folder | None = None

    @property
    def files(self) -> Folder:
        """Where its files are read."""
        return self.holder or self.source

    @property
    def warning(self) -> str:
        """What whoever uses the version should hear first, in one harmless line; "" where nothing was said of it."""
        return "" if self.notice is None or self.notice.state == "active" else str(self.notice)

    def path(self, file: ManifestFile) -> str:
        """The file's path below `files`."""
        adopted = self.released.manifest.adopted
        folder = adopted.location if adopted else self.released.folder
        return f"{folder}/{file.path}" if folder else file.path


def locate(text: str, where: Where) -> Located:
    """The version that `text` names, in any of the forms of `parse_reference`.

    Raises NotReleasedError where there is none, ManifestError where it is broken or lacks the file that was named, and
    NoticeError where what lies beside it speaks of another.
    """
    reference = parse_reference(text)
    found = _in_zoo(reference, where) if isinstance(reference, InZoo) else _at_url(reference, where)
    if found is None:
        raise NotReleasedError(f"{text}: no version is there: it has no {FILE_NAME}")
    source, released = found
    notice = read_notice(source, released.folder, released.name, released.digest)
    holder = _holder(source, released, where)
    if reference.file is None or (isinstance(reference, AtUrl) and not reference.folder):
        return Located(source, released, None, notice, holder)
    return Located(source, released, file_of(released, reference.file), notice, holder)


def file_of(released: Released, path: str) -> ManifestFile:
    """The file of a version at that path; raises ManifestError with the paths that there are."""
    file = next((file for file in released.manifest.files if file.path == path), None)
    if file is None:
        names = ", ".join(file.path for file in released.manifest.files)
        raise ManifestError(f"{released.name} has no file {path!r}; it has {names}")
    return file


def _in_zoo(reference: InZoo, where: Where) -> tuple[Folder, Released]:
    zoo = where.open_zoo()
    return zoo, get(zoo, load_layout(where.repository), reference.name)


def _at_url(reference: AtUrl, where: Where) -> tuple[Folder, Released] | None:
    url = reference.folder or reference.file or ""
    source = where.open(address_of(url, where.repository))
    released = find(source, "")
    return (source, released) if released else None


def _holder(source: Folder, released: Released, where: Where) -> Folder | None:
    """The zoo that has the files of an adopted version, which lie apart from its manifest."""
    adopted = released.manifest.adopted
    if adopted is None or (adopted.address is None and released.folder):
        return None
    address = adopted.address or _zoo_above(source.address.url, released, where)
    return open_folder(address_of(address, where.repository), where.on_request)


def _zoo_above(url: str, released: Released, where: Where) -> str:
    """The zoo's URL, of the URL of a version's folder in it."""
    folder = load_layout(where.repository).folder(released.name)
    if not url.endswith(f"/{folder}"):
        raise ManifestError(f"{url}: was adopted, and its files lie elsewhere in the zoo; name it, with --zoo")
    return url.removesuffix(f"/{folder}")
