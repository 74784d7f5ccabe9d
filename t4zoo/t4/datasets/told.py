"""A difference between lists in words and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any

from t4zoo.t4.datasets.difference import INFOS, NOT_HERE, ON_DISK, ORDER, Difference, SceneChange
from t4zoo.t4.datasets.entries import Entry


def as_dict(found: Difference) -> dict[str, Any]:
    """Builtins, for JSON; `frames` of a scene is null where it is not known, and `known` says why."""
    return {
        "lists": {
            name: {key: list(pair) for key, pair in settings.items()} for name, settings in found.lists.items()
        },
        "totals": dict(_totals(found)),
        "scenes": [
            {
                "id": change.id,
                "what": list(change.whats),
                "a": _entry(change.a),
                "b": _entry(change.b),
                "frames": asdict(change.frames) if change.frames is not None else None,
                "known": change.known,
            }
            for change in found.scenes
        ],
        "same": found.same,
        "unknown": found.unknown,
    }  # fmt: skip


def _entry(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {"dataset": entry.dataset, "split": entry.split, "revision": entry.scene.revision}


def _totals(found: Difference) -> Iterator[tuple[str, int]]:
    whats = Counter(what for change in found.scenes for what in change.whats)
    yield from ((what, whats[what]) for what in ORDER)
    frames = [change.frames for change in found.scenes if change.frames is not None]
    yield "frames_added", sum(len(one.added) for one in frames)
    yield "frames_removed", sum(len(one.removed) for one in frames)
    yield "frames_re-annotated", sum(len(one.changed) for one in frames)
    yield "scenes_with_unknown_frames", sum(change.frames is None for change in found.scenes)


def lines(found: Difference, a: str, b: str) -> Iterator[str]:
    """What a person reads."""
    if not found.lists and not found.scenes:
        yield f"the lists of {a} and {b} have the same scenes"
    for name, settings in found.lists.items():
        told = (f"{key} {_value(pair[0])} -> {_value(pair[1])}" for key, pair in settings.items())
        yield f"{name}: {', '.join(told)}"
    for dataset, group in groupby(found.scenes, lambda change: (change.b or change.a).dataset):  # type: ignore[union-attr]
        yield from ("", dataset)
        yield from (_line(change) for change in group)
    if found.scenes:
        totals = dict(_totals(found))
        yield from ("", ", ".join(f"{totals[what]} {what}" for what in ORDER))
        parts = ", ".join(f"{totals[f'frames_{what}']} {what}" for what in ("added", "removed", "re-annotated"))
        yield f"frames: {parts}" + _unknown(totals["scenes_with_unknown_frames"])
    if found.unknown:
        yield f"{found.unknown} scenes under one revision could not be compared: {NOT_HERE}, nor in two info files"


def _unknown(count: int) -> str:
    return f"; not known of {count} scene{'' if count == 1 else 's'}" if count else ""


def _value(value: Any) -> str:
    return "none" if value is None else str(value)


def _line(change: SceneChange) -> str:
    a, b = change.a, change.b
    entry = b or a
    assert entry is not None  # noqa: S101  (one of them is there)
    split = entry.split
    if a and b and (a.dataset, a.split) != (b.dataset, b.split):
        split = f"{_where(a, b)} -> {_where(b, a)}"
    name = entry.scene.key
    if a and b and a.scene.revision != b.scene.revision:
        name = f"{change.id}/{_value(a.scene.revision)} -> {_value(b.scene.revision)}"
    return f"  {' '.join(change.whats)}: {name} ({split}): {_frames(change)}"


def _where(entry: Entry, beside: Entry) -> str:
    return entry.split if entry.dataset == beside.dataset else f"{entry.dataset} {entry.split}"


def _frames(change: SceneChange) -> str:
    frames = change.frames
    if frames is None:
        return f"frames not known: {change.known}"
    source = f" (by {change.known})" if change.known in (INFOS, ON_DISK) else ""
    if change.a is None or change.b is None:
        number = 1 if change.a is None else 0
        return f"{frames.frames[number]} frames, {frames.boxes[number]} boxes{source}"
    parts = {"added": frames.added, "removed": frames.removed, "re-annotated": frames.changed}
    told = ", ".join(f"{len(times)} {what}" for what, times in parts.items() if times)
    return f"frames {told}{source}" if told else f"no frame differs{source}"
