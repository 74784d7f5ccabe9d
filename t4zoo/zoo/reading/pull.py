"""Bring a version's files here, each checked by its sha256 while it comes and in its place only when it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from t4zoo.errors import T4zooError
from t4zoo.whole import whole
from t4zoo.zoo.manifest import FILE_NAME, ManifestFile
from t4zoo.zoo.reading.locate import Located
from t4zoo.zoo.storage.folder import BrokenTransferError, Folder

THREADS = 8
OnBytes = Callable[[int], None]


class FetchError(T4zooError):
    """A file that is missing from its version, is not what the manifest says, or cannot be written here."""


@dataclass(frozen=True)
class Pulled:
    """fetched: files brought now. kept: files that were here already."""

    fetched: tuple[str, ...]
    kept: tuple[str, ...]


def pull(located: Located, to: Path, roles: Iterable[str] = (), on_bytes: OnBytes = lambda count: None) -> Pulled:
    """Bring the version, some roles of it, or its one named file into the folder `to`, the manifest last.

    Never replaces a file of another origin: raises FetchError. on_bytes: hears how many bytes came.
    """
    wanted = select(located, roles)
    manifest = to / FILE_NAME
    is_ours = manifest.is_file() and manifest.read_bytes() == located.released.content
    if manifest.exists() and not is_ours:
        raise FetchError(f"{to}: holds another version ({FILE_NAME} differs); choose an empty folder")
    absent = [file for file in wanted if not is_whole(to / file.path, file)]
    strangers = [file.path for file in absent if (to / file.path).exists()]
    if strangers and not is_ours:
        raise FetchError(f"{to / strangers[0]}: exists with other bytes; choose an empty folder, or remove it")
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda file: bring(located.source, located.path(file), to / file.path, file, on_bytes), absent))
    with whole(manifest) as temporary:
        temporary.write_bytes(located.released.content)
    return Pulled(tuple(file.path for file in absent), tuple(file.path for file in wanted if file not in absent))


def select(located: Located, roles: Iterable[str]) -> list[ManifestFile]:
    """The files that are asked for; raises FetchError for a role that the version has no file of."""
    if located.file is not None:
        return [located.file]
    files = located.released.manifest.files
    roles = tuple(roles)
    for role in roles:
        if not any(file.role == role for file in files):
            known = ", ".join(sorted({file.role for file in files}))
            raise FetchError(f"{located.released.name} has no file of the role {role!r}; it has {known}")
    return [file for file in files if not roles or file.role in roles]


def bring(source: Folder, path: str, to: Path, file: ManifestFile, on_bytes: OnBytes = lambda count: None) -> None:
    """Bring one file; raises FetchError when it is missing or its bytes are not the manifest's."""
    url = source.address.url_of(path)
    try:
        with whole(to) as temporary:
            sha256, size, _ = download(source, path, temporary, on_bytes, limit=file.size)
            if size < file.size:
                raise FetchError(f"{url}: is truncated: {size} of {file.size} bytes came")
            if sha256 != file.sha256:
                raise FetchError(f"{url}: has other bytes than its manifest says ({file.sha256}, not {sha256})")
    except OSError as error:
        raise FetchError(f"{to}: cannot be written: {error.strerror or error}") from error


@retry(
    retry=retry_if_exception_type(BrokenTransferError),
    stop=stop_after_attempt(4),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    reraise=True,
)
def download(
    source: Folder,
    path: str,
    to: Path,
    on_bytes: OnBytes = lambda count: None,
    unless: str | None = None,
    limit: int | None = None,
) -> tuple[str, int, str]:
    """Stream an object into a file; tries again from the start when the line breaks, stops above `limit` bytes.

    Returns sha256, size and entity tag; raises FetchError where there is no such object, Unchanged as `Folder.open`.
    """
    with source.open(path, unless) as body, to.open("wb") as out:
        if body is None:
            raise FetchError(f"{source.address.url_of(path)}: there is no such file")
        found, size = hashlib.sha256(), 0
        for chunk in body.chunks:
            out.write(chunk)
            found.update(chunk)
            size += len(chunk)
            on_bytes(len(chunk))
            if limit is not None and size > limit:
                return found.hexdigest(), size, body.etag
        if body.size is not None and size < body.size:
            raise BrokenTransferError(f"{source.address.url_of(path)}: {size} of {body.size} bytes came")
        return found.hexdigest(), size, body.etag


def is_whole(path: Path, file: ManifestFile) -> bool:
    """Whether the file is here with the manifest's bytes."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return sha256_of(path) == file.sha256


def sha256_of(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
