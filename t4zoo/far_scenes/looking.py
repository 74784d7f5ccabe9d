"""What a source holds now, and what of it is not as the inventory has it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from t4zoo.errors import T4zooError, UsageError
from t4zoo.far_scenes.inventory import (
    Summary,
    decode,
    encode,
    is_complete,
    place_of,
    read_files,
    read_index,
    summary_of,
    write_inventory,
)
from t4zoo.far_scenes.pointer import MD5, OPAQUE, Pointer, read_pointer, sound_url, write_pointer
from t4zoo.scene_files import INVENTORY, POINTER, forget_sources
from t4zoo.whole import refuse_strangers
from t4zoo.zoo.address import address_of, find_repository
from t4zoo.zoo.storage.folder import Folder, open_folder, read

Advance = Callable[[int], None]

_MD5 = re.compile(r"[0-9a-f]{32}")
_MOST = 64 * 2**20  # bytes that are read of a small file, which may have grown since it was listed
_OWN = (POINTER, INVENTORY, "inventory", ".gitignore")


class NoScenesError(T4zooError):
    """A source that holds no scene."""


@dataclass(frozen=True)
class Listing:
    """scenes: what `encode` made of each. incomplete: those without tables yet. strangers: objects of no scene."""

    scenes: Mapping[str, bytes]
    incomplete: tuple[str, ...]
    strangers: int


@dataclass(frozen=True)
class Changes:
    """Scenes, as `{id}/{revision}`, sorted. revised: new revisions of those that were there. changed: with the files.

    changed: published again in place, which T4 forbids; each with the paths that came, went or have other content.
    """

    new: tuple[str, ...] = ()
    revised: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.new or self.revised or self.withdrawn or self.changed)


def open_url(url: str, dataset: Path) -> Folder:
    """What is behind the URL, with the credentials that the environment or the repository around `dataset` has."""
    return open_folder(address_of(url, find_repository(dataset.absolute())))


def list_scenes(folder: Folder, advance: Advance = lambda count: None) -> Listing:
    """Ask for all names, a thousand at a time. advance: hears of objects. Raises FolderError, NoScenesError."""
    found: dict[str, dict[str, tuple[int, str]]] = {}
    strangers = 0
    for entry in folder.list():
        advance(1)
        place = place_of(entry.path)
        if place is None:
            strangers += not entry.path.endswith("/")  # by which some tools mark a folder
        else:
            found.setdefault(place[0], {})[place[1]] = (entry.size, entry.etag)
    scenes = {scene: encode(files) for scene, files in sorted(found.items()) if is_complete(files)}
    if not scenes:
        raise NoScenesError(
            f"{folder.address.url}: no scene is there; name the folder that holds {{T4 id}}/{{revision}}/annotation/"
        )
    return Listing(scenes, tuple(sorted(found.keys() - scenes.keys())), strangers)


def begin(dataset: Path, url: str, advance: Advance = lambda count: None) -> Listing:
    """Write source.yaml and the inventory into a dataset's folder. Raises UsageError where there are scenes already."""
    url = sound_url(url)
    if (dataset / INVENTORY).exists():
        raise UsageError(f"{dataset}: has a source already; `t4zoo dataset refresh {dataset.name}` looks at it again")
    refuse_strangers(dataset, _OWN)
    folder = open_url(url, dataset)
    listing = list_scenes(folder, advance)
    write_pointer(dataset, Pointer(url, _kind_of_tags(folder, listing)))
    write_inventory(dataset, listing.scenes)
    forget_sources()
    return listing


def look_again(dataset: Path, advance: Advance = lambda count: None) -> tuple[Listing, Changes]:
    """What is behind the dataset's source now, and what differs from its inventory. Writes nothing."""
    pointer, index = read_pointer(dataset), read_index(dataset)
    listing = list_scenes(open_url(pointer.url, dataset), advance)
    return listing, _changes(dataset, index, listing.scenes)


def take_over(dataset: Path, listing: Listing) -> None:
    """Make it the dataset's inventory."""
    write_inventory(dataset, listing.scenes)
    forget_sources()


def _changes(dataset: Path, index: Mapping[str, Summary], scenes: Mapping[str, bytes]) -> Changes:
    known = {scene.partition("/")[0] for scene in index}
    came = sorted(scenes.keys() - index.keys())
    changed = {}
    for scene in sorted(scenes.keys() & index.keys()):
        if summary_of(scenes[scene]).sha256 != index[scene].sha256:
            before, now = read_files(dataset, scene, index[scene]), decode(scenes[scene])
            changed[scene] = tuple(sorted(path for path in before.keys() | now if before.get(path) != now.get(path)))
    return Changes(
        tuple(scene for scene in came if scene.partition("/")[0] not in known),
        tuple(scene for scene in came if scene.partition("/")[0] in known),
        tuple(sorted(index.keys() - scenes.keys())),
        changed,
    )


def _kind_of_tags(folder: Folder, listing: Listing) -> str:
    """Whether an entity tag is the md5 of the bytes: looked at of the smallest file."""
    size, path, tag = min(_tagged(listing), default=(0, "", ""))
    if not path:
        return MD5
    content = read(folder, path, max(size, _MOST)) or b""
    return MD5 if hashlib.md5(content, usedforsecurity=False).hexdigest() == tag else OPAQUE


def _tagged(listing: Listing) -> Iterator[tuple[int, str, str]]:
    for scene, content in listing.scenes.items():
        for path, (size, tag) in decode(content).items():
            if size and _MD5.fullmatch(tag):
                yield size, f"{scene}/{path}", tag
