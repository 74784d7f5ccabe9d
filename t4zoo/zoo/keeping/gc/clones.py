"""What other clones need: each writes into the store what it names, since branches may never leave a clone."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from t4zoo.errors import T4zooError
from t4zoo.zoo import git
from t4zoo.zoo.keeping.gc.here import Here
from t4zoo.zoo.manifest import digest
from t4zoo.zoo.storage.folder import Folder, Writable, read, read_tagged
from t4zoo.zoo.storage.s3 import Description

FOLDER = "gc/roots/"  # below the store; DVC looks at files/ and runs/ alone
LIMIT = 512 * 1024**2  # bytes of the longest list that is read
SCHEMA_VERSION = 1
_TRIES = 8


class ClonesError(T4zooError):
    """A list of what a clone needs that cannot be read, or was not written."""


@dataclass(frozen=True)
class Clone:
    """id: of one clone at one place. who, place: for a person to find it. spoke: when, by the server's clock."""

    id: str
    who: str
    place: str
    spoke: datetime
    named: frozenset[str]

    def __str__(self) -> str:
        """For a person."""
        return f"clone {self.id} ({self.who}, {self.place}), last heard of on {self.spoke:%Y-%m-%d}"


def clone_id(root: Path) -> str:
    """This clone's: of a random word that git keeps here, and of its place, since a copied folder copies the word."""
    found = git.run(root, "config", "--local", "--default", "", "--get", "t4zoo.clone").strip()
    if not found:
        found = uuid4().hex
        git.run(root, "config", "--local", "t4zoo.clone", found)
    return digest(f"{found} {socket.gethostname()} {root.resolve()}".encode())[:16]


def read_clones(store: Folder) -> list[Clone]:
    """All that have spoken, by id. Raises ClonesError where one cannot be understood: it may need anything."""
    entries = sorted(store.list(FOLDER), key=lambda entry: entry.path)
    found = []
    for entry in entries:
        where = store.address.url_of(entry.path)
        content = read(store, entry.path, LIMIT)
        if content is None:
            continue
        try:
            data = json.loads(content)
            if data["schema_version"] != SCHEMA_VERSION:
                raise ClonesError(f"{where}: schema {data['schema_version']!r}; update t4zoo to read it")
            named = frozenset(str(name) for name in data["objects"])
            spoke = datetime.fromisoformat(entry.modified)
            found.append(Clone(str(data["clone"]), str(data["who"]), str(data["place"]), spoke, named))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ClonesError(
                f"{where}: cannot be read, and may need anything; its clone writes it anew by `--register`"
            ) from None
    return found


def register(root: Path, store: Writable, here: Here) -> str:
    """Say in the store what this clone needs, in the place of what it said before; the id that it has there."""
    clone = clone_id(root)
    path = f"{FOLDER}{clone}.json"
    who = git.run(root, "var", "GIT_COMMITTER_IDENT").rpartition(">")[0] + ">"
    data = {"schema_version": SCHEMA_VERSION, "clone": clone, "who": who}
    data |= {"place": f"{socket.gethostname()}:{root.resolve()}", "objects": sorted(here.named)}
    content = (json.dumps(data, indent=0) + "\n").encode()
    description = Description("application/json", digest(content), cache_control="no-store")
    for _ in range(_TRIES):
        found = read_tagged(store, path, LIMIT)
        if store.replace(path, content, found[1], description) if found else store.create(path, content, description):
            return clone
    raise ClonesError(f"{store.address.url_of(path)}: others keep changing it, which is this clone's alone")
