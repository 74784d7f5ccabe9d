"""All that lies in a zoo, by the version it belongs to: one listing, and each manifest and notice once on a machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from t4zoo.zoo.keeping.seen import contents
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.manifest import FENCE, FILE_NAME, NOTICE_NAME, Manifest, ManifestError, digest, parse_manifest
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.reading.index import INDEX_NAME
from t4zoo.zoo.reading.notice import Notice, NoticeError, parse_notice
from t4zoo.zoo.storage.folder import Entry, Folder
from t4zoo.zoo.version import Name

OWN = (INDEX_NAME, ".probe")  # what the zoo itself keeps, at its top


@dataclass
class Held:
    """A folder of the zoo that is a version's. name: of the layout, None where a manifest lies in any other folder.

    entries: what lies there, by path below the folder. released, notice: None where there is none, or `problem` and
    `notice_problem` say why it cannot be read.
    """

    folder: str
    name: Name | None
    entries: dict[str, Entry] = field(default_factory=dict)
    released: Released | None = None
    problem: str = ""
    notice: Notice | None = None
    notice_problem: str = ""

    @property
    def manifest(self) -> Manifest | None:
        """What it says of itself."""
        return self.released.manifest if self.released else None


@dataclass(frozen=True)
class Survey:
    """held: by folder, in the order of the folders. objects: all, by path. strays: those in no version's folder."""

    held: dict[str, Held]
    objects: dict[str, Entry]
    strays: tuple[str, ...]

    def released(self) -> list[Released]:
        """All versions whose manifest can be read."""
        return [held.released for held in self.held.values() if held.released]

    def by_name(self) -> dict[str, Held]:
        """The folders that hold what their manifest says they do, by its name."""
        return {str(held.released.name): held for held in self.held.values() if held.released and in_its_place(held)}


def survey(
    zoo: Folder,
    layout: Layout,
    done: Callable[[str], None] = lambda path: None,
    fresh: bool = False,
) -> Survey:
    """Look at everything by name; read manifests and notices. done: hears of each that has been read.

    fresh: read them even where this machine has them. Raises FolderError where the zoo cannot be listed.
    """
    entries = list(zoo.list())
    held, strays = _group(entries, layout)
    for path in (FILE_NAME, NOTICE_NAME):
        there = {h.entries[path].path: h for h in held.values() if path in h.entries}
        for entry, content in contents(zoo, [h.entries[path] for h in there.values()], done, fresh):
            if content is None:
                continue  # gone since it was listed
            where = zoo.address.url_of(entry.path)
            _take(there[entry.path], path, content, where)
    objects = {entry.path: entry for entry in entries}
    return Survey(dict(sorted(held.items())), objects, tuple(sorted(set(strays) - set(OWN))))


def in_its_place(held: Held) -> bool:
    """Whether the manifest lies where its name says, as that of an adopted version does, whose files lie elsewhere."""
    return held.manifest is not None and str(held.name) == held.manifest.name


def _take(held: Held, path: str, content: bytes, where: str) -> None:
    if path == NOTICE_NAME:
        try:
            held.notice = parse_notice(content, where)
        except NoticeError as error:
            held.notice_problem = str(error)
        return
    if content == FENCE:
        return
    try:
        manifest = parse_manifest(content, where)
    except ManifestError as error:
        held.problem = str(error)
        return
    held.released = Released(manifest.version, held.folder, manifest, content, digest(content))


def _group(entries: list[Entry], layout: Layout) -> tuple[dict[str, Held], list[str]]:
    with_manifest = {entry.path.rpartition("/")[0] for entry in entries if entry.path.endswith(f"/{FILE_NAME}")}
    homes: dict[str, str | None] = {}
    held: dict[str, Held] = {}
    strays = []
    for entry in entries:
        above = entry.path.rpartition("/")[0]
        if above not in homes:
            homes[above] = _home(above, layout, with_manifest)
        home = homes[above]
        if home is None:
            strays.append(entry.path)
            continue
        if home not in held:
            held[home] = Held(home, layout.name_of(home))
        held[home].entries[entry.path[len(home) + 1 :]] = entry
    return held, strays


def _home(folder: str, layout: Layout, with_manifest: set[str]) -> str | None:
    """The outermost folder around, or itself, that is a version's."""
    parts = folder.split("/")
    for count in range(1, len(parts) + 1):
        outer = "/".join(parts[:count])
        if outer in with_manifest or layout.name_of(outer) is not None:
            return outer
    return None
