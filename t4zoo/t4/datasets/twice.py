"""One scene that is taken twice, by one list or by several lists of one product: in two splits, or two revisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from t4zoo.t4.datasets.entries import Entry
from t4zoo.t4.datasets.finding import Finding


def check_twice(entries: Iterable[Entry], who: str) -> Iterator[Finding]:
    """A finding for each entry whose scene an earlier entry took. who: the list or product that takes them all."""
    first: dict[str, Entry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.scene.id, entry)
        if earlier is not entry:
            yield _told(earlier, entry, who)


def _told(one: Entry, other: Entry, who: str) -> Finding:
    datasets = tuple(sorted({one.dataset, other.dataset}))
    places = f"in {_place(one, other)} ({one.where}) and in {_place(other, one)}"
    what = f"{who} takes the scene {one.scene.id} {places}"
    if one.split != other.split:
        if one.scene.revision != other.scene.revision:
            what += f", as the revisions {_revision(one)} and {_revision(other)}"
        cure = "take it out of one of them: what is learnt cannot test"
        return Finding("scene-in-two-splits", other.where, what, cure, datasets)
    if one.scene.revision != other.scene.revision:
        what += f", as the revisions {_revision(one)} and {_revision(other)}"
        return Finding("scene-two-revisions", other.where, what, "keep the revision that is meant", datasets)
    return Finding("scene-twice", other.where, what, "take out one of them", datasets)


def _place(entry: Entry, beside: Entry) -> str:
    return entry.split if entry.dataset == beside.dataset else f"{entry.dataset} ({entry.split})"


def _revision(entry: Entry) -> str:
    return "none" if entry.scene.revision is None else entry.scene.revision
