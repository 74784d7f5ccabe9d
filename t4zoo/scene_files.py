"""The files of scenes: on this disk, or, where their dataset's folder says so, far away behind its source."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

from t4zoo.errors import T4zooError

POINTER, INVENTORY = "source.yaml", "inventory.json"  # in a dataset's folder, in the place of scenes
# Found by name, and listed in no stage's deps: a file is what its inventory says, however its bytes come here.
READER = "t4zoo.far_scenes.source"

MOST_BYTES = 256 * 2**20  # of one file: 13 million points
NO_FILE = "it is no regular file"
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)

Name = str | os.PathLike[str]
Stamp = tuple[int, int | str, int, int]


class FarFileError(T4zooError):
    """A file of a scene behind a source that does not come, or is another than the inventory says."""


class FarSourceError(FarFileError):
    """A source of which nothing comes, whatever is asked for."""


class Source(Protocol):
    """Scenes behind an address. Paths are relative to the dataset's folder; one that is not there raises OSError."""

    url: str

    def scenes(self) -> Mapping[str, Sequence[str]]:
        """Id of each scene -> its revisions, the highest last; "" stands for a scene without a revision folder."""

    def fingerprint(self, scene: str) -> str:
        """What tells the files of the scene `{id}/{revision}` from any others. Raises KeyError."""

    def files(self, scene: str) -> Mapping[str, tuple[int, str]]:
        """Path below the scene -> size [bytes] and entity tag. Raises KeyError."""

    def entry(self, path: str) -> tuple[int, str]:
        """Size [bytes] and entity tag of a file."""

    def contents(self, paths: Sequence[str]) -> Iterator[bytes]:
        """The bytes of these files in their order; several come at a time. Raises FarFileError."""


def source_of(folder: Name) -> tuple[Source, str] | None:
    """The source behind a folder and the path below its dataset's folder; None for what belongs on this disk."""
    name = os.fspath(folder)
    found = _dataset_of(name if name.startswith("/") else f"{os.getcwd()}/{name}")  # noqa: PTH109 - of every cloud
    return None if found is None else (_source(found[0]), found[1])


def _behind(path: Name) -> tuple[Source, str] | None:
    """As `source_of` of a file."""
    folder, _, name = os.fspath(path).rpartition("/")
    found = source_of(folder or os.curdir)
    return None if found is None else (found[0], f"{found[1]}/{name}".lstrip("/"))


def is_far(path: Name) -> bool:
    """Whether a file is behind a source."""
    return _behind(path) is not None


def forget_sources() -> None:
    """Look for sources again: their files have changed."""
    _dataset_of.cache_clear()
    _source.cache_clear()


@cache
def _dataset_of(folder: str) -> tuple[str, str] | None:
    """The dataset's folder at or above a folder, and the way down from there."""
    path = Path(folder)
    if all((path / name).is_file() for name in (POINTER, INVENTORY)):
        return str(path), ""
    above = None if path.parent == path else _dataset_of(str(path.parent))
    return None if above is None else (above[0], f"{above[1]}/{path.name}".lstrip("/"))


@cache
def _source(dataset: str) -> Source:
    opened: Source = import_module(READER).open_source(Path(dataset))
    return opened


if hasattr(os, "register_at_fork"):  # connections are not for two processes
    os.register_at_fork(after_in_child=_source.cache_clear)


def content_of(path: Name) -> bytes:
    """The bytes of a file. Raises OSError, FarFileError."""
    far = _behind(path)
    if far is not None:
        return next(far[0].contents([far[1]]))
    return _read_regular(os.fspath(path))


def contents_of(paths: Iterable[Name]) -> Iterator[bytes]:
    """The bytes of files of one dataset, in their order. Raises OSError with the file's name, FarFileError."""
    names = [os.fspath(path) for path in paths]
    far = [one for one in map(_behind, names) if one is not None]
    if far and len(far) == len(names):
        yield from far[0][0].contents([path for _, path in far])
        return
    for name in names:
        yield content_of(name)


def bring(paths: Iterable[Name]) -> None:
    """Fetch several files at a time that will be read one by one; nothing to do for those on this disk."""
    names = [path for path in paths if _behind(path) is not None and is_file(path)]
    for _ in contents_of(names) if names else ():
        pass


def size_of(path: Name) -> int:
    """The bytes of a file. Raises OSError."""
    far = _behind(path)
    if far is not None:
        return far[0].entry(far[1])[0]
    status = os.stat(path)  # noqa: PTH116 - asked of every cloud
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, NO_FILE, os.fspath(path))
    return status.st_size


def _read_regular(name: str) -> bytes:
    """Raises OSError, also for a pipe or a device, which could go on for ever, and for what memory might not hold."""
    # a pipe that nobody writes to would keep whoever opens it waiting
    with open(name, "rb", opener=lambda path, flags: os.open(path, flags | _AT_ONCE)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, NO_FILE, name)
        if status.st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, f"{status.st_size:,} bytes, and {MOST_BYTES:,} are the most", name)
        return file.read(status.st_size)  # room is made for all that is asked for, so for no more


def stamps_of(folder: Name, names: Iterable[str]) -> list[Stamp]:
    """What changes with the content of each file below a folder; the first number is its bytes. Raises OSError.

    Of files on this disk: size, inode, times of change [ns]; of others: size and entity tag.
    """
    far = source_of(folder)
    if far is None:
        found = [os.stat(f"{folder}/{name}") for name in names]  # noqa: PTH116 - a Path takes longer than the question
        return [(one.st_size, one.st_ino, one.st_mtime_ns, one.st_ctime_ns) for one in found]
    entries = [far[0].entry(f"{far[1]}/{name}") for name in names]
    return [(size, f"{far[0].url} {tag}", 0, 0) for size, tag in entries]


def is_file(path: Name) -> bool:
    """Whether there is such a file."""
    far = _behind(path)
    if far is None:
        return Path(path).is_file()
    try:
        return far[0].entry(far[1])[0] >= 0
    except OSError:
        return False


def is_scene(folder: Path) -> bool:
    """Whether the folder holds a scene's tables."""
    far = source_of(folder)
    if far is None:
        return (folder / "annotation").is_dir()
    scene, _, revision = far[1].partition("/")
    return revision in far[0].scenes().get(scene, ())


def revisions_of(folder: Path) -> list[str]:
    """The revisions of the scene in a folder, the highest last."""
    far = source_of(folder)
    if far is not None:
        return [revision for revision in far[0].scenes().get(far[1], ()) if revision]
    if not folder.is_dir():
        return []
    names = (path.name for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal() and path.is_dir())
    return sorted(names, key=int)


def absence_of(folder: Path) -> str:
    """Why there is no folder of this scene at all; "" where there is one."""
    far = source_of(folder)
    if far is None:
        return "" if folder.is_dir() else f"{folder} does not exist"
    if far[1] in far[0].scenes():
        return ""
    return f"the inventory of {far[0].url} does not have it, and `t4zoo dataset refresh` asks again"


def scenes_in(folder: Path) -> list[Path]:
    """The folders of the scenes of a dataset's folder, each with its revisions in it or none, by name."""
    far = source_of(folder)
    if far is not None:
        return [folder / scene for scene in far[0].scenes()]
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if path.is_dir() and not path.name.startswith("."))


def far_scenes(folder: Path) -> list[Path] | None:
    """The folders that hold tables at or below `folder`, sorted, were they on this disk; None where they may be."""
    far = source_of(folder)
    if far is None:
        return None
    source, below = far
    dataset = folder
    for _ in below.split("/") if below else ():
        dataset = dataset.parent
    found = [dataset / scene / revision for scene, revisions in source.scenes().items() for revision in revisions]
    return sorted(path for path in found if path == folder or folder in path.parents)


def needed_here(folder: Path) -> Path:
    """What must be on this disk so that a scene's folder can be read: itself, or its dataset's folder if it is far."""
    far = source_of(folder)
    return folder if far is None or not far[1] else folder.parents[far[1].count("/")]


def fingerprint_of(folder: Path) -> str | None:
    """What changes when any file of a far scene does; None for a scene on this disk, or one that is not there."""
    far = source_of(folder)
    if far is None or not is_scene(folder):
        return None
    return f"{far[0].url} {far[0].fingerprint(far[1])}"
