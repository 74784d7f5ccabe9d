"""A repository's lists at one moment, and what is known then of the scenes that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from t4zoo.file_md5 import md5_of_file
from t4zoo.info import load
from t4zoo.t4.dataset_list import SPLITS
from t4zoo.t4.datasets.annotated import TABLES, Annotated, of_frames, of_tables
from t4zoo.t4.datasets.entries import Entry, Written, parse_list
from t4zoo.t4.datasets.places import CONF, LABELS, PRODUCTS, Places, read_places
from t4zoo.t4.datasets.tree import Stored, Tree


@dataclass(frozen=True)
class Tables:
    """The tables of a scene: name -> md5 where it is known, and where the bytes are, where they are.

    source: what a person is told of where they come from.
    """

    files: Mapping[str, Stored]
    source: str

    def digests(self) -> tuple[str, ...] | None:
        """The md5 of each table; None where one is not known and cannot be read."""
        if any(self.files[name] == (None, None) for name in TABLES):
            return None
        return tuple(md5 or (md5_of_file(place) if place else "") for md5, place in map(self.files.__getitem__, TABLES))

    def read(self, where: str) -> Annotated | None:
        """What they say; None where the bytes of one are not here. Raises TablesError where they are broken."""
        places = {name: self.files[name][1] for name in TABLES}
        content = {name: place.read_bytes() for name, place in places.items() if place is not None}
        return of_tables(content, where) if content.keys() == places.keys() else None


class Moment:
    """The lists of a tree, and its scenes. disk: the working tree, whose scenes stand in for those nobody tracked.

    A scene that DVC does not track is read as it is on disk now, whichever moment this is: T4's rule is that a change
    makes a new revision, and what the info files of both moments say is looked at besides.
    """

    def __init__(self, tree: Tree, disk: Tree) -> None:
        self.tree, self.disk = tree, disk
        self.places: Places = read_places(tree)

    @cached_property
    def lists(self) -> dict[str, Written]:
        """The lists of conf/dataset/, by name."""
        return dict(self._lists())

    def _lists(self) -> Iterator[tuple[str, Written]]:
        for file in self.tree.names(self.places.lists):
            path, name = f"{self.places.lists}/{file}", file.removesuffix(".yaml")
            if file.endswith(".yaml") and (content := self.tree.read(path)) is not None:
                yield name, parse_list(name, path, content)

    @cached_property
    def entries(self) -> dict[tuple[str, str], Entry]:
        """The entry of each scene, by dataset and id; of a scene that stands twice, the first."""
        found: dict[tuple[str, str], Entry] = {}
        for written in self.lists.values():
            for entry in written.entries:
                found.setdefault((entry.dataset, entry.scene.id), entry)
        return found

    def tables(self, entry: Entry) -> Tables | None:
        """The tables of a scene, as they are tracked at this moment, or else as they are on disk; None without any."""
        for folder in self._folders(entry):
            for tree in (self.tree, self.disk):
                files = {name.removesuffix(".json"): file for name, file in tree.files_in(folder).items()}
                if files.keys() >= {*TABLES}:
                    return Tables(files, "disk" if tree is self.disk else "DVC's cache")
        return None

    def _folders(self, entry: Entry) -> Iterator[str]:
        scene = f"{self.places.data_root}/{entry.dataset}/{entry.scene.id}"
        if entry.scene.revision is not None:
            yield f"{scene}/{entry.scene.revision}/annotation"
            return
        yield from (f"{scene}/{name}/annotation" for name in self.disk.names(scene)[::-1] if name.isdecimal())
        yield f"{scene}/annotation"

    @cached_property
    def infos(self) -> dict[str, Stored]:
        """The info files of this moment, by path."""
        products = [name.removesuffix(".yaml") for name in self.tree.names(PRODUCTS) if name.endswith(".yaml")]
        wanted = {f"info_{split}.pkl" for split in SPLITS}
        return {
            f"info/{product}/{name}": file
            for product in products
            for name, file in self.tree.files_in(f"info/{product}").items()
            if name in wanted
        }

    def in_info(self, path: str) -> dict[str, Annotated]:
        """The scenes of an info file of this moment, as `{id}/{revision}`; none where it is not here."""
        place = self.infos.get(path, (None, None))[1]
        if place is None:
            return {}
        frames = sorted(load(place).frames, key=lambda frame: (frame.scene, frame.timestamp))
        return {scene: of_frames(part) for scene, part in groupby(frames, lambda frame: frame.scene)}

    @cached_property
    def settings(self) -> dict[str, bytes | None]:
        """What besides scenes makes the boxes of info files: conf/labels/, and the stage's own values."""
        paths = [CONF, *(f"{LABELS}/{name}" for name in self.tree.names(LABELS))]
        return {path: self.tree.read(path) for path in paths}

    def info_digest(self, path: str) -> str | None:
        """The md5 of an info file of this moment; None where there is none."""
        md5, place = self.infos.get(path, (None, None))
        return md5 or (md5_of_file(place) if place is not None else None)
