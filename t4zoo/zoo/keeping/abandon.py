"""`t4zoo release --abandon`: frees a version that was claimed and never released, for other bytes to have its name.

A fence first: an object in the manifest's place, which no publisher that still runs can overwrite. Either it is there,
and nothing can become visible while the rest is removed; or a manifest is, and nothing is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from t4zoo.errors import T4zooError
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.manifest import CLAIM_NAME, FENCE, FILE_NAME, LIMIT, digest
from t4zoo.zoo.storage.eraser import BATCH, Eraser, server_time
from t4zoo.zoo.storage.folder import Entry, read
from t4zoo.zoo.storage.s3 import Description, S3Folder
from t4zoo.zoo.version import Name


class AbandonError(T4zooError):
    """A version that is released, that nobody began, or whose release may still be going on."""


@dataclass(frozen=True)
class Abandonment:
    """What would be removed. folder: below the zoo's address. paths: of its objects, below it."""

    name: Name
    folder: str
    paths: tuple[str, ...]
    uploads: int

    def __str__(self) -> str:
        started = f" and {self.uploads} unfinished uploads" if self.uploads else ""
        return f"{self.name} was never released: {len(self.paths)} objects{started} of a release that broke off"


def plan_abandonment(name: Name, zoo: S3Folder, layout: Layout, quiet: timedelta) -> Abandonment:
    """What is there of a broken release; removes nothing. Raises AbandonError where nothing may be removed.

    quiet: since its last write, by the server's clock, before a release counts as broken off.
    """
    folder = layout.folder(name)
    _refuse_released(name, folder, zoo)
    entries = _entries(folder, zoo)
    uploads = list(zoo.uploads(folder).list())
    if not entries and not uploads:
        raise AbandonError(f"{name}: nobody has begun to release it: {zoo.address.url_of(folder)}/ is empty")
    _refuse_foreign(name, folder, zoo, entries)
    times = [*map(_written, entries), *(upload.started for upload in uploads)]
    age = server_time(zoo.address) - max(times)
    if age < quiet:
        minutes = round(age.total_seconds() / 60)
        raise AbandonError(
            f"{name}: a release of it wrote {minutes} minutes ago and may be going on; wait until it is quiet for "
            f"{round(quiet.total_seconds() / 60)} minutes, or say with `--after` how many are enough"
        )
    paths = tuple(entry.path.removeprefix(f"{folder}/") for entry in entries)
    return Abandonment(name, folder, paths, len(uploads))


def abandon(plan: Abandonment, zoo: S3Folder) -> None:
    """Remove what is there, the claim and the fence last; safe to repeat. Raises AbandonError where it was released."""
    fence = f"{plan.folder}/{FILE_NAME}"
    if not zoo.create(fence, FENCE, Description("text/plain", digest(FENCE), cache_control="no-store")):
        _refuse_released(plan.name, plan.folder, zoo)
    claim = f"{plan.folder}/{CLAIM_NAME}"
    files = [entry.path for entry in _entries(plan.folder, zoo) if entry.path not in (fence, claim)]
    eraser = Eraser(zoo.address)
    for start in range(0, len(files), BATCH):
        eraser.delete(files[start : start + BATCH])
    uploads = zoo.uploads(plan.folder)
    for upload in list(uploads.list()):
        uploads.abort(upload)
    for last in (claim, fence):  # one after the other: while the fence stands, a new claim can lead to nothing
        eraser.delete([last])


def _entries(folder: str, zoo: S3Folder) -> Sequence[Entry]:
    return sorted(zoo.list(f"{folder}/"), key=lambda entry: entry.path)


def _refuse_foreign(name: Name, folder: str, zoo: S3Folder, entries: Sequence[Entry]) -> None:
    """A release begins with its claim: what is older, or stands without one, is what people put there to be adopted."""
    own = (f"{folder}/{CLAIM_NAME}", f"{folder}/{FILE_NAME}")  # the second is the fence
    files = [entry for entry in entries if entry.path not in own]
    claim = next((entry for entry in entries if entry.path == own[0]), None)
    foreign = [file for file in files if claim is None or _written(file) < _written(claim)]
    if foreign:
        url = zoo.address.url_of(foreign[0].path)
        raise AbandonError(
            f"{name}: {url} is of no release, which would have written {CLAIM_NAME} before it; {len(foreign)} objects "
            "like it stay, and whoever put them there knows whether they may go"
        )


def _written(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry.modified)


def _refuse_released(name: Name, folder: str, zoo: S3Folder) -> None:
    found = read(zoo, f"{folder}/{FILE_NAME}", LIMIT)
    if found is not None and found != FENCE:
        raise AbandonError(f"{name}: is released, and what is released is never removed; `t4zoo yank` warns of it")
