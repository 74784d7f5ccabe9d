"""What is said of a version after its release: that it is deprecated or yanked, by whom and why. Its bytes stay.

The object `notice.json` beside a manifest, and the only one there that changes: each event is added to the last.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, cast, get_args

from t4zoo.errors import T4zooError
from t4zoo.plain import plain
from t4zoo.zoo.manifest import NOTICE_NAME
from t4zoo.zoo.storage.folder import DeniedError, Folder, read_tagged
from t4zoo.zoo.version import Name

State = Literal["active", "deprecated", "yanked"]

SCHEMA_VERSION = 1
LIMIT = 256 * 1024  # bytes of the largest notice that is read
EVENTS = 100  # of one version
REASON = 2000  # characters of the longest reason

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})")


class NoticeError(T4zooError):
    """A notice that is none, or that speaks of something else than the version beside it."""


@dataclass(frozen=True)
class Event:
    """One thing that was said. by: who. time: when, as ISO 8601 with seconds and zone, by the clock of who said it."""

    state: State
    reason: str
    by: str
    time: str

    def __post_init__(self) -> None:
        values = (self.state, self.reason, self.by, self.time)
        if not all(isinstance(value, str) for value in values) or self.state not in get_args(State):
            raise NoticeError(f"{self.state!r} is no state of a version; it is one of {', '.join(get_args(State))}")
        if not self.reason.strip() or not self.by.strip():
            raise NoticeError("a notice says who gives it and why; one of both is empty")
        if len(self.reason) > REASON or len(self.by) > REASON:
            raise NoticeError(f"a reason of more than {REASON} characters is a document: link to it instead")
        if not _TIME.fullmatch(self.time):
            raise NoticeError(f"{self.time!r} is no time; write it as 2025-01-31T12:00:00Z")


@dataclass(frozen=True)
class Notice:
    """name, manifest: the version that it speaks of, and its manifest's digest. events: oldest first, never none."""

    name: str
    manifest: str
    events: tuple[Event, ...]

    @property
    def state(self) -> State:
        """What the version is now."""
        return self.events[-1].state

    @property
    def reason(self) -> str:
        """Why."""
        return self.events[-1].reason

    def after(self, event: Event) -> Notice:
        """The notice with one event more; raises NoticeError where there were too many."""
        if len(self.events) >= EVENTS:
            raise NoticeError(f"{self.name}: {EVENTS} notices were given already; nobody could read one more")
        return Notice(self.name, self.manifest, (*self.events, event))

    def __str__(self) -> str:
        """The last event in one line, harmless for a screen."""
        last = self.events[-1]
        return plain(f"{self.name} is {last.state} since {last.time[:10]} by {last.by}: {last.reason}")

    def to_bytes(self) -> bytes:
        """Its one spelling: the state now, then the events before."""
        *earlier, last = (asdict(event) for event in self.events)
        head = {"schema_version": SCHEMA_VERSION, "name": self.name, "manifest": self.manifest}
        return (json.dumps({**head, **last, "history": earlier}, indent=2) + "\n").encode()


def parse_notice(content: bytes, where: str) -> Notice:
    """Read a notice from anywhere; raises NoticeError. Characters that a terminal would obey become marks."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise NoticeError(f"{where}: not JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("history"), list) or len(data["history"]) >= EVENTS:
        raise NoticeError(f"{where}: not a notice")
    if data.get("schema_version") != SCHEMA_VERSION:
        said = data.get("schema_version")
        raise NoticeError(f"{where}: schema {said!r} is not {SCHEMA_VERSION}; update t4zoo to read it")
    if not isinstance(data.get("name"), str) or not isinstance(data.get("manifest"), str):
        raise NoticeError(f"{where}: does not name the version that it speaks of, and its manifest's digest")
    try:
        return Notice(data["name"], data["manifest"], tuple(_event(item) for item in (*data["history"], data)))
    except NoticeError as error:
        raise NoticeError(f"{where}: {error}") from None


def _event(data: Any) -> Event:
    names = [field.name for field in fields(Event)]
    values = [data.get(name) if isinstance(data, dict) else None for name in names]
    if not all(isinstance(value, str) for value in values):
        raise NoticeError(f"an event needs {', '.join(names)}")
    state, reason, by, time = (plain(cast(str, value)) for value in values)
    return Event(cast(State, state), reason, by, time)


def read_notice(zoo: Folder, folder: str, name: Name, manifest: str) -> Notice | None:
    """What was said of the version `name` in `folder`, whose manifest has this digest; None where nothing was."""
    found = read_with_etag(zoo, folder, name, manifest)
    return found[0] if found else None


def read_with_etag(zoo: Folder, folder: str, name: Name, manifest: str) -> tuple[Notice, str] | None:
    """The notice with its entity tag, by which it can be replaced; raises NoticeError where it speaks of another."""
    path = f"{folder}/{NOTICE_NAME}" if folder else NOTICE_NAME
    try:
        found = read_tagged(zoo, path, LIMIT)
    except DeniedError:  # whoever could read the manifest may read this too: it is not there
        return None
    if found is None:
        return None
    content, etag = found
    where = zoo.address.url_of(path)
    notice = parse_notice(content, where)
    if notice.name != str(name):
        raise NoticeError(f"{where}: speaks of {plain(notice.name)!r}, but lies beside {name}")
    if notice.manifest != manifest:
        raise NoticeError(
            f"{where}: speaks of the manifest {plain(notice.manifest)!r}, but the one beside it has sha256 {manifest}; "
            "one of both was replaced: `t4zoo doctor` says more"
        )
    return notice, etag
