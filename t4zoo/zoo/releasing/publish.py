"""`t4zoo release`, second half: the only code that writes to the zoo. A version appears whole, at once, and for good.

Claim, copy inside S3, look at every copy, manifest last. Each write is conditional, so that a second publisher changes
nothing, and a publisher that was killed is finished by running again.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from t4zoo.errors import T4zooError
from t4zoo.zoo import git
from t4zoo.zoo.manifest import CLAIM_NAME, FILE_NAME, LIMIT, digest
from t4zoo.zoo.releasing.plan import Copy, Plan
from t4zoo.zoo.storage.folder import Entry, read
from t4zoo.zoo.storage.s3 import FOREVER, Description, MissingSourceError, S3Folder

THREADS = 8
_TEXT = "text/plain; charset=utf-8"


class PublishError(T4zooError):
    """A version that another publisher has, or a server that would let it be overwritten."""


@dataclass(frozen=True)
class Outcome:
    """copied: files copied now. found: files that an earlier, broken run had left."""

    copied: int
    found: int
    was_released: bool


def publish(plan: Plan, store: S3Folder, zoo: S3Folder, done: Callable[[str], None] = lambda path: None) -> Outcome:
    """Do what the plan says; safe to repeat at any time. Raises PublishError when the version is another's.

    done: hears of each file that is in its place.
    """
    if plan.is_released:
        outcome = Outcome(0, 0, True)
    else:
        _claim(plan, zoo)
        copied = _copy(plan, store, zoo, done)
        _look(plan, zoo, copied)
        _commit(plan, zoo)
        outcome = Outcome(len(copied), len(plan.copies) - len(copied), False)
    if not plan.is_tagged:
        _tag(plan)
    return outcome


def _tag(plan: Plan) -> None:
    try:
        git.create_tag(plan.root, plan.name.tag, plan.commit, plan.note)
    except git.GitError:
        twin = git.tag(plan.root, plan.name.tag)  # a second run of this release, at the same moment
        if twin is None or twin.commit != plan.commit or plan.digest not in twin.message:
            raise


def _claim(plan: Plan, zoo: S3Folder) -> None:
    """Say first whose version this will be, so that two publishers never mix their files."""
    path = f"{plan.folder}/{CLAIM_NAME}"
    claim = f"{plan.digest}\n".encode()
    description = Description(_TEXT, digest(claim), cache_control="no-store")
    if zoo.create(path, claim, description):
        if zoo.create(path, claim, description):
            raise PublishError(
                f"{zoo.address.url}: this server ignores If-None-Match, so that a released version could be "
                "overwritten unseen; use one that keeps it (AWS S3, or the server that `t4zoo serve` starts)"
            )
        return
    found = (read(zoo, path, LIMIT) or b"").decode(errors="replace").strip()
    if found != plan.digest:
        raise PublishError(
            f"{plan.name}: another release has claimed this version: its manifest has sha256 {found}, and this one "
            f"{plan.digest}; release the next version, or finish that release from its own commit"
        )


def _copy(plan: Plan, store: S3Folder, zoo: S3Folder, done: Callable[[str], None]) -> dict[str, str]:
    """Copy inside S3; the entity tag of each new copy by its path. What exists already is left for `_look`."""

    def one(copy: Copy) -> str | None:
        description = Description(_content_type(copy.file.path), copy.file.sha256)
        target = f"{plan.folder}/{copy.file.path}"
        try:
            etag = zoo.copy(store, copy.source, copy.etag, target, copy.file.size, description)
        except MissingSourceError as error:
            raise PublishError(
                f"{error}: was in the store a moment ago and is gone; `dvc push` and try again"
            ) from None
        done(copy.file.path)
        return etag

    with ThreadPoolExecutor(THREADS) as pool:
        etags = list(pool.map(one, plan.copies))
    return {copy.file.path: etag for copy, etag in zip(plan.copies, etags, strict=True) if etag is not None}


def _look(plan: Plan, zoo: S3Folder, copied: dict[str, str]) -> None:
    """Every file of the manifest is there with its bytes, and nothing else is."""
    start = f"{plan.folder}/"
    entries = {entry.path.removeprefix(start): entry for entry in zoo.list(start)}
    for copy in plan.copies:
        path = copy.file.path
        entry = entries.pop(path, None)
        if entry is None or not _is_whole(copy, entry, copied.get(path), zoo):
            state = "is not there after the copy" if entry is None else "holds other bytes than this release has"
            raise PublishError(f"{zoo.address.url_of(start + path)}: {state}; remove it, or release the next version")
    strangers = sorted(set(entries) - {CLAIM_NAME, FILE_NAME})
    if strangers:
        raise PublishError(f"{zoo.address.url_of(start + strangers[0])}: is no file of this release; remove it first")


def _is_whole(copy: Copy, entry: Entry, copied: str | None, zoo: S3Folder) -> bool:
    """By the entity tag where that is the md5, or the copy's own; else by reading it once."""
    if entry.size != copy.file.size:
        return False
    if entry.etag in (copy.file.md5, copied):
        return True
    with zoo.open(entry.path) as body:
        return body is not None and body.digest()[0] == copy.file.sha256


def _commit(plan: Plan, zoo: S3Folder) -> None:
    """From this one write on, the version exists."""
    path = f"{plan.folder}/{FILE_NAME}"
    if zoo.create(path, plan.content, Description("application/json", plan.digest, FOREVER)):
        return
    found = digest(read(zoo, path, LIMIT) or b"")
    if found != plan.digest:
        raise PublishError(f"{plan.name}: was released by another: its manifest has sha256 {found}, ours {plan.digest}")


def _content_type(path: str) -> str:
    if path.endswith((".log", ".yaml", ".py", ".csv")):
        return _TEXT  # shown by a browser, where the registered types would be downloaded
    return mimetypes.guess_type(path, strict=True)[0] or "application/octet-stream"
