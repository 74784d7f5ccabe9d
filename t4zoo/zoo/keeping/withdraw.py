"""`t4zoo deprecate`, `yank`, `restore`: what is said of a version after its release. Its bytes stay where they are."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.zoo import git
from t4zoo.zoo.address import parse_address
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.manifest import NOTICE_NAME, digest
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.reading.index import CURE, Index, ZooIndexError, update
from t4zoo.zoo.reading.notice import Event, Notice, State, read_notice, read_with_etag
from t4zoo.zoo.reading.reindex import row_of
from t4zoo.zoo.storage.folder import FolderError, Writable, open_writable
from t4zoo.zoo.storage.s3 import Description

_TRIES = 40  # of a write that others come before


class WithdrawError(T4zooError):
    """Nothing to take back, or a notice that others keep changing."""


@dataclass(frozen=True)
class Said:
    """notice: as it is now. is_new: False where the very same was said before. index: what went wrong there, or ""."""

    notice: Notice
    is_new: bool
    index: str


def now_by(folder: Path, state: State, reason: str) -> Event:
    """The event of this moment, by the person whom git knows. Raises WithdrawError where it knows nobody."""
    if not git.knows_the_user(folder):
        raise WithdrawError(f"a notice says who gives it, and git {git.NO_IDENTITY}; {git.IDENTITY_CURE}")
    who = git.run(folder, "var", "GIT_COMMITTER_IDENT").rpartition(">")[0] + ">"
    return Event(state, reason, who, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def planned(zoo: Writable, released: Released, event: Event) -> tuple[Notice, str | None]:
    """The notice as it would be, and the entity tag of the one before. Raises WithdrawError, NoticeError."""
    found = read_with_etag(zoo, released.folder, released.name, released.digest)
    if found is None:
        if event.state == "active":
            raise WithdrawError(f"{released.name}: nothing was ever said against it, so that nothing is taken back")
        return Notice(str(released.name), released.digest, (event,)), None
    notice, etag = found
    if (notice.state, notice.reason) == (event.state, event.reason):
        return notice, etag
    if notice.state == event.state == "active":
        raise WithdrawError(f"{released.name}: was restored already: {notice}")
    return notice.after(event), etag


def say(zoo: Writable, layout: Layout, released: Released, event: Event) -> Said:
    """Add the event to the version's notice and to the index; nothing that others say at this moment is lost."""
    folder = released.folder
    path = f"{folder}/{NOTICE_NAME}" if folder else NOTICE_NAME
    for attempt in range(_TRIES):
        notice, etag = planned(zoo, released, event)
        if notice.events[-1] is not event:  # it was read there: said before, or just now, and the answer was lost
            is_ours = attempt > 0 and notice.events[-1] == event
            return Said(notice, is_ours, _tell_index(zoo, layout, released))
        content = notice.to_bytes()
        description = Description("application/json", digest(content), cache_control="no-cache")
        written = zoo.replace(path, content, etag, description) if etag else zoo.create(path, content, description)
        if written:
            return Said(notice, True, _tell_index(zoo, layout, released))
        time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))  # noqa: S311  (so that the rivals part)
    raise WithdrawError(f"{zoo.address.url_of(path)}: others kept changing it; try again")


def _tell_index(zoo: Writable, layout: Layout, released: Released) -> str:
    """Write the version's row anew; what went wrong in one line, else ""."""
    whole, folder = _whole_zoo(zoo, layout, released)
    if whole is None:
        return f"{zoo.address.url}: lies in no zoo whose index is known here; `t4zoo doctor --fix` there tells it"

    def change(index: Index) -> Index:
        notice = read_notice(whole, folder, released.name, released.digest)  # anew each time: it may be newer than ours
        return index.with_rows([row_of(released.manifest, released.digest, folder, notice)])

    try:
        update(whole, change)
    except (ZooIndexError, FolderError) as error:
        return str(error) if CURE in str(error) else f"{error}; {CURE}"
    return ""


def _whole_zoo(zoo: Writable, layout: Layout, released: Released) -> tuple[Writable | None, str]:
    """The zoo around a version that was named by its URL, and the version's folder there."""
    if released.folder:
        return zoo, released.folder
    folder = layout.folder(released.name)
    if not zoo.address.url.endswith(f"/{folder}"):
        return None, folder
    above = parse_address(zoo.address.url.removesuffix(f"/{folder}"), zoo.address.credentials)
    return open_writable(above), folder
