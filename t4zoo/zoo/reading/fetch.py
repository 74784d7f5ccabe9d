"""A local file for any text that names a checkpoint: wherever a path is taken, a version or a URL can stand instead.

Files are kept by their sha256, or by full URL and entity tag where no manifest names them: two URLs that end in the
same name are two files.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from t4zoo.whole import write_whole
from t4zoo.zoo.address import address_of, find_repository
from t4zoo.zoo.manifest import ManifestFile
from t4zoo.zoo.reading.catalogue import NotReleasedError
from t4zoo.zoo.reading.locate import Located, Where, locate
from t4zoo.zoo.reading.pull import FetchError, OnBytes, bring, download, is_whole, sha256_of
from t4zoo.zoo.reference import AtUrl, parse_reference
from t4zoo.zoo.storage.folder import FolderError, Unchanged, open_folder

ENVIRONMENT = "T4ZOO_CACHE"


def cache() -> Path:
    """Where fetched files are kept: T4ZOO_CACHE, or t4zoo in the user's own cache folder."""
    named = os.environ.get(ENVIRONMENT)
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else (Path(base) if base else Path.home() / ".cache") / "t4zoo"


def resolve(reference: str, where: Where | None = None, on_bytes: OnBytes = lambda count: None) -> Path:
    """The local file of a version's checkpoint or of one named file: any form of `parse_reference`, or a plain URL.

    Raises NotReleasedError, FetchError or FolderError with what is missing.
    """
    where = where or Where(repository=find_repository(Path.cwd()))
    parsed = parse_reference(reference)
    if isinstance(parsed, AtUrl) and parsed.file:
        if parsed.folder:
            try:
                return _of_version(locate(reference, where), on_bytes)
            except (NotReleasedError, FolderError):
                pass  # a file that only lies below a folder named like a version, or a server that hides what it lacks
        return _of_url(reference, where, on_bytes)
    return _of_version(locate(reference, where), on_bytes)


def _of_version(located: Located, on_bytes: OnBytes) -> Path:
    file = located.file or _checkpoint(located)
    path = _place(file.sha256, file.path.rpartition("/")[2])
    if not is_whole(path, file):
        bring(located.source, located.path(file), path, file, on_bytes)
    return path


def _checkpoint(located: Located) -> ManifestFile:
    files = located.released.manifest.of_role("checkpoint")
    if len(files) != 1:
        names = ", ".join(file.path for file in files) or "none"
        raise FetchError(f"{located.released.name} cannot be meant by its name alone: its checkpoints are {names}")
    return files[0]


def _of_url(url: str, where: Where, on_bytes: OnBytes) -> Path:
    """By an index from the full URL to the entity tag and sha256 last seen there: one request, and no bytes."""
    head, _, name = url.rpartition("/")
    source = open_folder(address_of(head, where.repository), where.on_request)
    index = cache() / "url" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
    etag, known = _known(index, name)
    index.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=index.parent) as scratch:
        try:
            sha256, _, etag = download(source, name, Path(scratch) / "body", on_bytes, unless=etag)
        except Unchanged:
            assert known is not None  # noqa: S101  (asked for only then)
            return known
        path = _place(sha256, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        (Path(scratch) / "body").replace(path)
    if etag:
        write_whole(index, json.dumps({"url": url, "etag": etag, "sha256": sha256}))
    return path


def _known(index: Path, name: str) -> tuple[str | None, Path | None]:
    try:
        data = json.loads(index.read_text())
        path = _place(data["sha256"], name)
        return (data["etag"], path) if sha256_of(path) == data["sha256"] else (None, None)
    except (OSError, ValueError, KeyError, TypeError):
        return None, None


def _place(sha256: str, name: str) -> Path:
    return cache() / "sha256" / sha256[:2] / sha256 / name
