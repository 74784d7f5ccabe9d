"""Whether a list that changed since the last tag says so in its dataset_version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from t4zoo.t4.datasets.entries import Written
from t4zoo.t4.datasets.finding import Finding
from t4zoo.t4.datasets.names import bumped, version_of


def content(written: Written) -> tuple[Any, ...]:
    """What of a list makes other info files: neither comments nor the order of scenes."""
    entries = Counter((entry.split, entry.scene) for entry in written.entries)
    return entries, written.values.get("data_of"), written.values.get("sample_steps")


def check_bumped(before: Written, now: Written, tag: str) -> Iterator[Finding]:
    """before: the list as it is at `tag`, the newest that has it."""
    old, new = before.dataset_version, now.dataset_version
    versions = version_of(old), version_of(new)
    changed = content(before) != content(now)
    if old and changed and old == new:
        what = f"changed since the tag {tag} ({_told(before, now)}), and its dataset_version is still {new!r}"
        yield Finding("version-not-bumped", now.where, what, f"write {bumped(new)}", (now.name,))
    elif versions[0] and versions[1] and versions[1] < versions[0]:
        what = f"dataset_version is {new!r}, and was {old!r} at the tag {tag}"
        cure = f"write {bumped(old) if changed else old}"
        yield Finding("version-went-back", now.where, what, cure, (now.name,))


def _told(before: Written, now: Written) -> str:
    old, new = ({(entry.split, entry.scene) for entry in one.entries} for one in (before, now))
    words = [f"{len(found)} {word}" for word, found in (("added", new - old), ("removed", old - new)) if found]
    return ", ".join(words) if words else "an entry is there more often, or a setting differs"
