"""The scenes behind a dataset's source.yaml, as `t4zoo.scene_files` reads them: from the cache, or from the bucket."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path

from t4zoo.errors import UsageError
from t4zoo.far_scenes.cache import FileCache, scene_cache
from t4zoo.far_scenes.inventory import Files, read_files, read_index
from t4zoo.far_scenes.pointer import MD5, Pointer, read_pointer
from t4zoo.far_scenes.telling import Teller
from t4zoo.scene_files import INVENTORY, POINTER, FarFileError, FarSourceError
from t4zoo.zoo.address import address_of, find_repository
from t4zoo.zoo.reading.cache import cache as own_cache
from t4zoo.zoo.storage.access import own_server
from t4zoo.zoo.storage.folder import (
    AwayError,
    BrokenTransferError,
    DeniedError,
    Folder,
    FolderError,
    open_folder,
    persistently,
)

AT_ONCE = 8  # files that come at a time
HELD = 128  # scenes whose files are held in memory
LARGEST = 2**30  # bytes of a file

_MD5 = re.compile(r"[0-9a-f]{32}")


def open_source(dataset: Path) -> FarScenes:
    """The scenes that the files in the dataset's folder tell of; nothing is sent yet. Raises UsageError.

    Scenes beside source.yaml are refused: nobody could tell which are meant.
    """
    if here := sorted(path for form in ("*", "*/[0-9]*") for path in dataset.glob(f"{form}/annotation")):
        raise UsageError(
            f"{here[0].parent}: is a scene beside {POINTER}, which says that all scenes of {dataset.name} are in a "
            f"bucket; move it to a dataset of its own, or remove {POINTER}, {INVENTORY} and inventory/"
        )
    return FarScenes(dataset, read_pointer(dataset), scene_cache(own_cache() / "scenes"))


class FarScenes:
    """See `t4zoo.scene_files.Source`. Safe to share between threads."""

    def __init__(self, dataset: Path, pointer: Pointer, cache: FileCache) -> None:
        self.dataset, self.url, self._pointer, self._cache = dataset, pointer.url, pointer, cache
        self._index, self._teller = read_index(dataset), Teller(cache.folder, pointer.url)
        self._files = lru_cache(HELD)(lambda scene: read_files(dataset, scene, self._index[scene]))

    @cached_property
    def _folder(self) -> Folder:
        return open_folder(address_of(self.url, find_repository(self.dataset)))

    @cached_property
    def _server(self) -> str:
        """Which server it is: a bucket's name says so on Amazon alone."""
        return own_server(self._folder.address.credentials) or ""

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(AT_ONCE, "t4zoo-far")

    @cached_property
    def _scenes(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for key in self._index:
            scene, _, revision = key.partition("/")
            found.setdefault(scene, []).append(revision)
        return {scene: tuple(sorted(there, key=lambda one: int(one or -1))) for scene, there in sorted(found.items())}

    def scenes(self) -> Mapping[str, Sequence[str]]:
        """See `Source`."""
        return self._scenes

    def fingerprint(self, scene: str) -> str:
        """See `Source`."""
        return self._index[scene].sha256

    def files(self, scene: str) -> Files:
        """See `Source`."""
        found: Files = self._files(scene)
        return found

    def entry(self, path: str) -> tuple[int, str]:
        """See `Source`."""
        scene, _, rest = path.partition("/")
        revision, _, below = rest.partition("/")
        for key, name in ((f"{scene}/{revision}", below), (scene, rest)):
            if key in self._index and name in (files := self.files(key)):
                return files[name]
        raise FileNotFoundError(errno.ENOENT, f"the inventory of {self.url} does not have it", str(self.dataset / path))

    def contents(self, paths: Sequence[str]) -> Iterator[bytes]:
        """See `Source`."""
        if len(paths) == 1:
            yield self._content(paths[0])
            return
        coming = [self._threads.submit(self._content, path) for path in paths]
        try:
            for one in coming:
                yield one.result()
        finally:
            for one in coming:
                one.cancel()

    def _content(self, path: str) -> bytes:
        size, tag = self.entry(path)
        key = "\0".join((self._server, self.url, path, tag, str(size)))
        content = self._cache.find(key, size)
        if content is None:
            content = self._fetch(path, size, tag)
            self._cache.keep(key, content)
            self._teller.fetched(size)
        return content

    def _fetch(self, path: str, size: int, tag: str) -> bytes:
        if size > LARGEST:
            raise FarFileError(f"{self.url}/{path}: {size:,} bytes, which no file of a scene has; {self._look()}")
        try:
            return persistently(lambda: self._once(path, size, tag))
        except DeniedError as error:
            raise FarFileError(f"{error}; or the scene was withdrawn: {self._look()}") from None
        except AwayError as error:
            raise FarSourceError(str(error)) from None
        except FolderError as error:
            raise FarFileError(str(error)) from None

    def _once(self, path: str, size: int, tag: str) -> bytes:
        where = f"{self.url}/{path}"
        with self._folder.open(path) as body:
            if body is None:
                raise FarFileError(f"{where}: is not there any more, so the scene was withdrawn; {self._look()}")
            if body.etag != tag:
                raise FarFileError(
                    f"{where}: was published again in place, under the same revision (its entity tag is {body.etag!r}, "
                    f"and the inventory has {tag!r}), so nobody can tell what a model saw; {self._look()}"
                )
            content = bytearray()
            for chunk in body.chunks:
                content += chunk
                if len(content) > size:  # whatever a server sends, memory has a bound
                    break
        if len(content) != size:
            raise BrokenTransferError(f"{where}: {len(content):,} bytes came, and the inventory has {size:,}")
        if self._pointer.etag == MD5 and _MD5.fullmatch(tag) and _md5(content) != tag:
            raise BrokenTransferError(
                f"{where}: its bytes are not those that its entity tag is the md5 of; where the bucket encrypts with "
                f"keys of its own, write `etag: opaque` in {self.dataset}/source.yaml"
            )
        return bytes(content)

    def _look(self) -> str:
        return f"`t4zoo dataset refresh {self.dataset.name} --dry-run` tells what has changed"


def _md5(content: bytes | bytearray) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
