"""Bring a version's files into a folder, each by way of the cache and in its place only when it is whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from t4zoo.whole import whole
from t4zoo.zoo.manifest import FILE_NAME, ManifestFile
from t4zoo.zoo.reading.cache import READ_ONLY
from t4zoo.zoo.reading.cache import sha256_of as sha256_of
from t4zoo.zoo.reading.failure import FetchError as FetchError
from t4zoo.zoo.reading.failure import unwritable
from t4zoo.zoo.reading.locate import Located
from t4zoo.zoo.reading.ranges import PARALLEL, OnBytes
from t4zoo.zoo.reading.remembered import Remembered
from t4zoo.zoo.reading.transfer import obtain

THREADS = 8
EDITABLE = 1024**2  # bytes up to which a file is one that people change by hand, and gets a copy of its own


@dataclass(frozen=True)
class Pulled:
    """fetched: files that were put in place now. kept: files that were there already."""

    fetched: tuple[str, ...]
    kept: tuple[str, ...]


def pull(
    located: Located,
    to: Path,
    roles: Iterable[str] = (),
    on_bytes: OnBytes = lambda count: None,
    own: bool = False,
) -> Pulled:
    """Bring the version, some roles of it, or its one named file into the folder `to`, the manifest last.

    Large files are read-only links into the cache where the disk allows it; `own` makes copies of them all. Never
    replaces a file of another origin, or one that was changed here: raises FetchError. on_bytes: hears how many bytes
    came from the zoo.
    """
    wanted = select(located, roles)
    absent = _absent(located, to, wanted)

    def bring(file: ManifestFile) -> None:
        kept = obtain(located.files, located.path(file), file, lambda name, size: nullcontext(on_bytes))
        _put(kept, to / file.path, own or file.size <= EDITABLE)

    try:
        for file in (file for file in absent if file.size > PARALLEL):
            bring(file)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(bring, (file for file in absent if file.size <= PARALLEL)))
        with whole(to / FILE_NAME) as temporary:
            temporary.write_bytes(located.released.content)
    except FetchError:
        if isinstance(located.source, Remembered):
            located.source.forget()
        raise
    except OSError as error:
        raise unwritable(to, error) from error
    if isinstance(located.source, Remembered):
        located.source.keep()
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


def is_whole(path: Path, file: ManifestFile) -> bool:
    """Whether the file is here with the manifest's bytes."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return sha256_of(path) == file.sha256


def _absent(located: Located, to: Path, wanted: list[ManifestFile]) -> list[ManifestFile]:
    """Files that `to` lacks; raises FetchError where it holds something else in their place."""
    manifest = to / FILE_NAME
    is_ours = manifest.is_file() and manifest.read_bytes() == located.released.content
    if manifest.exists() and not is_ours:
        raise FetchError(f"{to}: holds another version ({FILE_NAME} differs); choose an empty folder")
    for folder in sorted({(to / file.path).parent for file in wanted}):
        if not folder.resolve().is_relative_to(to.resolve()):
            raise FetchError(f"{folder}: a link leads out of the folder that is pulled into; remove it")
    absent = [file for file in wanted if not is_whole(to / file.path, file)]
    strangers = [file.path for file in absent if (to / file.path).exists()]
    if strangers:
        state = "was changed since it was pulled" if is_ours else "exists with other bytes"
        more = f" (and {len(strangers) - 1} more)" if strangers[1:] else ""
        raise FetchError(f"{to / strangers[0]}: {state}{more}; move it away, or choose an empty folder")
    return absent


def _put(kept: Path, to: Path, own: bool) -> None:
    """Give a kept file its place in a folder, as a link to it or as a copy that may be changed."""
    if not own:
        try:
            with whole(to, READ_ONLY) as temporary:
                temporary.unlink()
                os.link(kept, temporary)
            return
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP):
                raise
    with whole(to) as temporary:
        _copy(kept, temporary)


def _copy(source: Path, to: Path) -> None:
    """Let the system copy: some disks then share the bytes until one of the two is changed."""
    left = source.stat().st_size
    with source.open("rb") as before, to.open("wb") as after:
        try:
            while left:
                left -= os.copy_file_range(before.fileno(), after.fileno(), left) or left
        except (OSError, AttributeError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            before.seek(0), after.seek(0)
            shutil.copyfileobj(before, after)
