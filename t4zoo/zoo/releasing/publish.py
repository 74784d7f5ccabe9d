"""`t4zoo release`, second half: the only code that writes to the zoo. A version appears whole, at once, and for good.

Claim, copy inside S3, look at every copy, manifest last. Each write is conditional, so that a second publisher changes
nothing, and a publisher that was killed is finished by running again. An answer that is lost on the way makes the
client ask again and meet its own object: what exists already is therefore looked at, never taken for another's.
"""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from t4zoo.errors import T4zooError
from t4zoo.zoo import git
from t4zoo.zoo.manifest import CLAIM_NAME, FILE_NAME, LIMIT, RESERVED, digest, md5_digest
from t4zoo.zoo.releasing.announce import announce, begins_index, has_others
from t4zoo.zoo.releasing.plan import Copy, Plan
from t4zoo.zoo.storage.folder import Entry, FolderError, persistently, read
from t4zoo.zoo.storage.s3 import FOREVER, Description, MissingSourceError, S3Folder

THREADS = 8
FRESH = 60.0  # seconds for which a look at the zoo holds good: far less than `--abandon` waits
_TEXT = "text/plain; charset=utf-8"
_AWAKE_OR_NOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # nobody sets it, and it counts a machine's sleep


class PublishError(T4zooError):
    """A version that another publisher has, or a server that would let it be overwritten."""


@dataclass(frozen=True)
class Outcome:
    """copied: files copied now. found: files that an earlier, broken run had left. warning: of the index, if any."""

    copied: int
    found: int
    was_released: bool
    warning: str = ""


def publish(plan: Plan, store: S3Folder, zoo: S3Folder, done: Callable[[str], None] = lambda path: None) -> Outcome:
    """Do what the plan says; safe to repeat at any time.

    done: hears of each file that is in its place. Raises PublishError when the version is another's, or when the server
    fails in the middle.
    """
    try:
        outcome = _find(plan, zoo) if plan.is_released else _bring(plan, store, zoo, done)
        if not plan.is_tagged:
            _tag(plan)
        if any(file.size > zoo.copy_limit for file in plan.manifest.files):
            _end_uploads(plan, zoo)
    except FolderError as error:
        raise PublishError(f"{error} (nothing is half released: the same command goes on from here)") from error
    return outcome


def _end_uploads(plan: Plan, zoo: S3Folder) -> None:
    """Of runs of this release that were killed in the middle of a large copy: nobody shall pay for their parts."""
    uploads = zoo.uploads(plan.folder)
    for upload in uploads.list():
        uploads.abort(upload)


def _find(plan: Plan, zoo: S3Folder) -> Outcome:
    """It is there with this manifest; a claim that was removed since is written again."""
    path, claim = f"{plan.folder}/{CLAIM_NAME}", _claim_of(plan)
    if read(zoo, path, LIMIT) is None:
        zoo.create(path, claim, Description(_TEXT, digest(claim), cache_control="no-store"))
    return Outcome(0, 0, True, announce(plan, zoo, False))


def _bring(plan: Plan, store: S3Folder, zoo: S3Folder, done: Callable[[str], None]) -> Outcome:
    _claim(plan, zoo)
    copied = _copy(plan, store, zoo, done)
    others = _look(plan, zoo, copied)
    _commit(plan, zoo)
    return Outcome(len(copied), len(plan.copies) - len(copied), False, announce(plan, zoo, others))


def _tag(plan: Plan) -> None:
    try:
        git.create_tag(plan.root, plan.name.tag, plan.commit, plan.note)
    except git.GitError:
        twin = git.tag(plan.root, plan.name.tag)  # a second run of this release, at the same moment
        if twin is None or twin.commit != plan.commit or plan.digest not in twin.message:
            raise


def _claim(plan: Plan, zoo: S3Folder) -> None:
    """Say first whose version this will be, so that two publishers never mix their files."""
    path, claim = f"{plan.folder}/{CLAIM_NAME}", _claim_of(plan)
    description = Description(_TEXT, digest(claim), cache_control="no-store")
    if zoo.create(path, claim, description):
        if zoo.create(path, claim, description):
            raise PublishError(
                f"{zoo.address.url}: this server ignores If-None-Match, so that a released version could be "
                "overwritten unseen; use one that keeps it (AWS S3, or the server that `t4zoo serve` starts)"
            )
        return
    # A server that says so keeps the condition, and needs no second try: whether the first object is our own or not.
    found = read(zoo, path, LIMIT)
    if found is None:
        raise PublishError(f"{plan.name}: its claim was removed at this moment; see who did, and try again")
    if found != claim:
        raise PublishError(
            f"{plan.name}: another release has claimed this version: its manifest has sha256 {_text(found)}, and this "
            f"one {plan.digest}; release the next version, or finish that release from its own commit; if nobody will, "
            f"`t4zoo release {plan.name} --abandon` frees the name"
        )


def _claim_of(plan: Plan) -> bytes:
    return f"{plan.digest}\n".encode()


def _text(content: bytes) -> str:
    """What another wrote in a claim, for one line of a message."""
    return " ".join(content[:100].decode(errors="replace").split())


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


def _look(plan: Plan, zoo: S3Folder, copied: dict[str, str]) -> bool:
    """Every file of the manifest is there with its bytes, nothing else is, and the claim still is ours.

    Whether the zoo has other versions that no index knows: where it has none, one listing of all answers both.
    """
    start, began = f"{plan.folder}/", time.clock_gettime(_AWAKE_OR_NOT)
    listed = list(zoo.list("" if begins_index(plan) else start))
    seen = {entry for entry in listed if entry.path.startswith(start)}
    entries = {entry.path.removeprefix(start): entry for entry in seen}
    for copy in plan.copies:
        path = copy.file.path
        entry = entries.pop(path, None)
        if entry is None or not _is_whole(copy, entry, copied.get(path), zoo):
            state = "is not there after the copy" if entry is None else "holds other bytes than this release has"
            raise PublishError(f"{zoo.address.url_of(start + path)}: {state}; remove it, or release the next version")
    strangers = sorted(set(entries) - set(RESERVED))
    if strangers:
        raise PublishError(f"{zoo.address.url_of(start + strangers[0])}: is no file of this release; remove it first")
    if not _is_ours(plan, entries.get(CLAIM_NAME), zoo):
        raise PublishError(f"{plan.name}: its claim was removed or replaced while it was published; see who did")
    # Large files that an earlier run left are read whole, and meanwhile `--abandon` may take this for broken off.
    if time.clock_gettime(_AWAKE_OR_NOT) - began > FRESH and set(zoo.list(start)) != seen:
        raise PublishError(f"{plan.name}: its objects were removed or replaced while they were read; see who did")
    return begins_index(plan) and has_others(plan, listed)


def _is_whole(copy: Copy, entry: Entry, copied: str | None, zoo: S3Folder) -> bool:
    """By the entity tag where that is the md5, or the copy's own; else by reading it once."""
    if entry.size != copy.file.size:
        return False
    return entry.etag in (copy.file.md5, copied) or _sha256(zoo, entry.path) == copy.file.sha256


def _sha256(zoo: S3Folder, path: str) -> str | None:
    def once() -> str | None:
        with zoo.open(path) as body:
            return body.digest()[0] if body else None

    return persistently(once)


def _is_ours(plan: Plan, entry: Entry | None, zoo: S3Folder) -> bool:
    """Whether the claim in the listing is this plan's; read only where the server's tag is not the md5."""
    claim = _claim_of(plan)
    if entry is None:
        return False
    return entry.etag == md5_digest(claim) or read(zoo, entry.path, LIMIT) == claim


def _commit(plan: Plan, zoo: S3Folder) -> None:
    """From this one write on, the version exists."""
    path = f"{plan.folder}/{FILE_NAME}"
    if zoo.create(path, plan.content, Description("application/json", plan.digest, FOREVER)):
        return
    found = read(zoo, path, LIMIT)
    if found != plan.content:
        theirs = f"sha256 {digest(found)}" if found else "nothing any more"
        raise PublishError(
            f"{plan.name}: was released or abandoned by another: in its manifest's place is {theirs}, and ours has "
            f"sha256 {plan.digest}"
        )


def _content_type(path: str) -> str:
    if path.endswith((".log", ".yaml", ".py", ".csv")):
        return _TEXT  # shown by a browser, where the registered types would be downloaded
    return mimetypes.guess_type(path, strict=True)[0] or "application/octet-stream"
