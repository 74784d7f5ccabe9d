"""The objects of the store, by one listing; and the lists among them that say what is in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from t4zoo.zoo.keeping.seen import contents
from t4zoo.zoo.manifest import md5_digest
from t4zoo.zoo.releasing.lock import LockError, Out, expand, key_of
from t4zoo.zoo.storage.folder import Entry, Folder

OBJECTS = "files/md5/"


@dataclass
class Stored:
    """objects: md5 (with `.dir` of a list) -> its entry. inside: md5 of a list -> path in the folder -> md5.

    broken: lists that hold other bytes than their names say.
    """

    folder: Folder
    objects: dict[str, Entry]
    inside: dict[str, dict[str, str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def read_lists(self, lists: Iterable[str], done: Callable[[str], None] = lambda path: None) -> None:
        """Read those of these lists that the store has, each once on a machine; `done` hears of each."""
        wanted = sorted({md5 for md5 in lists if md5 in self.objects} - self.inside.keys() - self.broken)
        for entry, content in contents(self.folder, [self.objects[md5] for md5 in wanted], done):
            md5 = md5_of(entry)
            inside = inside_of(content or b"", md5)
            if inside is None:
                self.broken.add(md5)
            else:
                self.inside[md5] = inside


def list_store(folder: Folder) -> Stored:
    """One listing: a request a thousand objects. Raises FolderError where the store cannot be listed."""
    return Stored(folder, {md5_of(entry): entry for entry in folder.list(OBJECTS) if _is_object(entry)})


def md5_of(entry: Entry) -> str:
    """The md5 that an object's key says."""
    return entry.path.removeprefix(OBJECTS).replace("/", "")


def _is_object(entry: Entry) -> bool:
    return key_of(md5_of(entry)) == entry.path


def inside_of(content: bytes, md5: str) -> dict[str, str] | None:
    """Path -> md5 of a list's files; None where these bytes are not that list."""
    if md5_digest(content) != md5.removesuffix(".dir"):
        return None
    try:
        files = expand(Out("", "", md5, None), lambda _: content)
    except LockError:
        return None
    return {file.path.removeprefix("/"): file.md5 for file in files}
