"""A local file for any text that names one: wherever a path is taken, a version or a URL can stand instead.

Files are kept by their sha256, or by full URL and entity tag where no manifest names them: two URLs that end in the
same name are two files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from t4zoo.zoo.address import Address, address_of, find_repository
from t4zoo.zoo.manifest import ManifestFile
from t4zoo.zoo.reading.cache import cache as cache
from t4zoo.zoo.reading.cache import find, note, noted
from t4zoo.zoo.reading.catalogue import NotReleasedError
from t4zoo.zoo.reading.failure import FetchError
from t4zoo.zoo.reading.locate import Located, Where, locate
from t4zoo.zoo.reading.remembered import Remembered
from t4zoo.zoo.reading.transfer import Begin, obtain, obtain_unknown, silently
from t4zoo.zoo.reference import AtUrl, parse_reference
from t4zoo.zoo.storage.folder import DeniedError, Folder, Unchanged, open_folder

_HASH = re.compile(r"-([0-9a-f]{8,64})\.[^.]+", re.IGNORECASE)
_KIND = "url"


def resolve(
    reference: str,
    where: Where | None = None,
    begin: Begin = silently,
    warn: Callable[[str], None] = lambda line: None,
) -> Path:
    """The local file of a version's checkpoint or of one named file: any form of `parse_reference`, or a plain URL.

    begin: told of each file that is not here yet. warn: in a line, of a version that is deprecated or yanked, or about
    which the zoo could not be asked. Raises NotReleasedError, FetchError or FolderError with what is missing; a URL's
    query, which may be a permission, is in none of them.
    """
    # Weights go into what is made next: a zoo that was made anew has other bytes under the same name.
    where = where or Where(repository=find_repository(Path.cwd()), remembered=True, checked=True)
    parsed = parse_reference(reference)
    if isinstance(parsed, AtUrl) and parsed.file:
        if parsed.folder:
            try:
                return _of_version(locate(reference, where), begin, warn)
            except (NotReleasedError, DeniedError):
                pass  # a file that only lies below a folder named like a version, or a server that hides what it lacks
        return _of_url(reference, where, begin)
    return _of_version(locate(reference, where), begin, warn)


def _of_version(located: Located, begin: Begin, warn: Callable[[str], None]) -> Path:
    if located.warning:
        warn(located.warning)
    file = located.file or _checkpoint(located)
    remembered = located.source if isinstance(located.source, Remembered) else None
    if remembered and remembered.unasked:
        warn(f"{located.released.name} is taken as it was when it was fetched before: {remembered.unasked}")
    try:
        path = obtain(located.files, located.path(file), file, begin)
    except FetchError:
        if remembered:
            remembered.forget()
        raise
    if remembered:
        remembered.keep()
    return path


def _checkpoint(located: Located) -> ManifestFile:
    files = located.released.manifest.of_role("checkpoint")
    if len(files) != 1:
        names = ", ".join(file.path for file in files) or "none"
        raise FetchError(f"{located.released.name} cannot be meant by its name alone: its checkpoints are {names}")
    return files[0]


def _of_url(url: str, where: Where, begin: Begin) -> Path:
    """By a note of the entity tag and sha256 that this URL had last: one request, and no bytes."""
    bare, _, query = url.partition("?")
    head, _, name = bare.partition("#")[0].rpartition("/")
    source = _open(address_of(head, where.repository), where, query)
    path, name = name, unquote(name) if url.startswith("http") else name
    before = noted(_KIND, url)
    sha256, etag = before.get("sha256"), before.get("etag")
    kept = find(sha256, name) if sha256 and etag else None
    try:
        found, sha256, etag = obtain_unknown(source, path, name, etag if kept else None, begin)
    except Unchanged:
        assert kept is not None  # noqa: S101  (asked for only then)
        return kept
    _check_name(bare, name, sha256)
    if etag:
        note(_KIND, url, {"url": bare, "sha256": sha256, "etag": etag})
    return found


def _open(address: Address, where: Where, query: str) -> Folder:
    if not address.url.startswith("http"):
        return open_folder(address, where.on_request)
    from t4zoo.zoo.storage.web import WebFolder

    return WebFolder(address, where.on_request, query)


def _check_name(url: str, name: str, sha256: str) -> None:
    """MMLab's rule: `epoch_20-d3bd2b23.pth` says how its sha256 begins. Eight digits that are a date say nothing."""
    said = [match[1].lower() for match in _HASH.finditer(name) if match.end() == len(name)]
    if said and not _is_date(said[-1]) and not sha256.startswith(said[-1]):
        raise FetchError(f"{url}: its name says that its sha256 begins with {said[-1]}, but it is {sha256}")


def _is_date(text: str) -> bool:
    try:
        return len(text) == 8 and 1990 <= datetime.strptime(text, "%Y%m%d").year < 2100
    except ValueError:
        return False
