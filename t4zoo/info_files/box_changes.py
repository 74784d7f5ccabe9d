"""How the boxes of the same frames differ between two info files: paired by identity, then by place."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.boxes import ID, BoxTable
from t4zoo.errors import UsageError
from t4zoo.info import Frame, Instances, Predictions
from t4zoo.labels.difference import Pairs, pair
from t4zoo.labels.source import SceneBoxes

UNITS = {"centre": "m", "size": "m", "yaw": "rad", "velocity": "m/s", "score": ""}
NO_CLASS = "(no class)"
_FAR = 1e6  # metres: a box that is farther, or nowhere, is looked for there

Rows = Instances | Predictions


@dataclass(frozen=True)
class Rules:
    """near: centres nearer than this [m] may be one object. tolerance: numbers that differ by no more are equal.

    Raises UsageError for what is no distance.
    """

    near: float = 1.0
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        """Check what a user gives."""
        if not 0.0 < self.near < math.inf or not 0.0 <= self.tolerance < math.inf:
            raise UsageError(
                f"--near {self.near:g} --tolerance {self.tolerance:g}: give numbers from 0 on, --near above 0"
            )


@dataclass(frozen=True)
class Names:
    """The classes of both sides, and all of them without repetition."""

    a: tuple[str, ...]
    b: tuple[str, ...]

    @property
    def both(self) -> tuple[str, ...]:
        """A's, then what B has beside them."""
        return tuple(dict.fromkeys((*self.a, *self.b)))


@dataclass(eq=False)
class ClassCount:
    """Boxes of one class: of both sides, in one alone, with another class in B, and changed otherwise."""

    a: int = 0
    b: int = 0
    only_a: int = 0
    only_b: int = 0
    class_changed: int = 0
    changed: int = 0


@dataclass(eq=False)
class BoxChanges:
    """classes: by name. kinds: what changed -> in how many boxes, and by how much at most, where that is a number.

    told_a, told_b: frames in which that side alone has predictions at all, be they none.
    """

    classes: dict[str, ClassCount] = field(default_factory=dict)
    kinds: dict[str, tuple[int, float | None]] = field(default_factory=dict)
    told_a: int = 0
    told_b: int = 0

    @property
    def same(self) -> bool:
        """Whether no box differs."""
        lost = any(one.only_a or one.only_b for one in self.classes.values())
        return not lost and not self.kinds and not self.told_a and not self.told_b

    def add(
        self,
        kind: str,
        frames: tuple[Sequence[Frame], Sequence[Frame]],
        names: Names,
        rules: Rules,
    ) -> Counter[int]:
        """Compare the boxes of paired frames of a scene; place of the frame -> boxes that differ.

        kind: `instances` or `predictions`.
        """
        sides = [[getattr(frame, kind) for frame in members] for members in frames]
        changed = Counter[int]()
        for place, (one, other) in enumerate(zip(*sides, strict=True)):
            self.told_a += other is None and one is not None
            self.told_b += one is None and other is not None
            changed[place] += (one is None) != (other is None)
        # A frame's partner is at the same place on the other side, whatever its token.
        placed = [replace(frame, token=str(place)) for place, frame in enumerate(frames[0])]
        a, b = _Side(sides[0], placed, names.a, names.both, "a"), _Side(sides[1], placed, names.b, names.both, "b")
        pairs = pair(a.boxes, b.boxes, rules.near)
        altered = self._note(_apart(a, b, pairs), rules.tolerance, len(pairs.a))
        turned = a.labels[pairs.a] != b.labels[pairs.b]
        self._count((a, b), pairs, altered, turned, names.both)
        where = a.boxes.boxes.frames, b.boxes.boxes.frames
        for places in (where[0][pairs.a[altered | turned]], where[0][pairs.only_a], where[1][pairs.only_b]):
            changed.update(places.tolist())
        return changed

    def _note(
        self, apart: dict[str, NDArray[np.float64] | NDArray[np.bool_]], tolerance: float, count: int
    ) -> NDArray[np.bool_]:
        """Note what differs in the pairs; which pairs do in anything but class."""
        altered = np.zeros(count, dtype=bool)
        for name, values in apart.items():
            number = values.dtype != bool
            rows = ~(values <= tolerance) if number else values.astype(bool)
            if not rows.any():
                continue
            times, before = self.kinds.get(name, (0, None))
            known = values[rows & np.isfinite(values)] if number else values[:0]
            most = float(known.max()) if number and len(known) else before
            self.kinds[name] = times + int(rows.sum()), most if before is None or most is None else max(most, before)
            altered |= rows if name != "class" else False
        return altered

    def _count(
        self,
        sides: tuple[_Side, _Side],
        pairs: Pairs,
        altered: NDArray[np.bool_],
        turned: NDArray[np.bool_],
        names: Sequence[str],
    ) -> None:
        a, b = sides
        for label, name in enumerate((*names, NO_CLASS)):
            one = self.classes.setdefault(name, ClassCount())
            mine = a.labels[pairs.a] == label
            one.a += int((a.labels == label).sum())
            one.b += int((b.labels == label).sum())
            one.only_a += int((a.labels[pairs.only_a] == label).sum())
            one.only_b += int((b.labels[pairs.only_b] == label).sum())
            one.class_changed += int((turned & mine).sum())
            one.changed += int((altered & mine).sum())


class _Side:
    """All boxes of one side's frames of a scene. labels: (N,) index into the names of both, and beyond for none."""

    def __init__(
        self,
        rows: Sequence[Rows | None],
        placed: Sequence[Frame],
        known: Sequence[str],
        names: Sequence[str],
        side: str,
    ) -> None:
        self.rows = [one for one in rows if one is not None]
        counts = [0 if one is None else len(one) for one in rows]
        lookup = np.array([*map(list(names).index, known), len(names)], dtype=np.int64)
        labels = self.stacked("labels", np.zeros(0, dtype=np.int64))
        self.labels = lookup[np.where((labels >= 0) & (labels < len(known)), labels, len(known))]
        ids = [key for place, one in enumerate(rows) if one is not None for key in _keys(one, f"{side}/{place}")]
        table = BoxTable(
            np.cumsum([0, *counts]),
            np.clip(np.nan_to_num(self.stacked("boxes", np.zeros((0, 7)))), -_FAR, _FAR),
            self.stacked("velocities", np.zeros((0, 2))),
            self.labels,
            np.ones(sum(counts)),
            np.frombuffer(b"".join(ids), dtype=ID),
        )
        self.boxes = SceneBoxes("", tuple(placed), table)

    def stacked(self, name: str, empty: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([empty, *(getattr(one, name) for one in self.rows)])

    def listed(self, name: str) -> list[Any]:
        return [value for one in self.rows for value in getattr(one, name)]


def _keys(rows: Rows, place: str) -> list[bytes]:
    """16 bytes a box: equal where both sides know it by the same name, and of no other box where it has none."""
    names = rows.ids if isinstance(rows, Predictions) else rows.tokens or ("",) * len(rows)
    once = Counter(names)
    own = (name if name and once[name] == 1 else f"\0{place}/{row}" for row, name in enumerate(names))
    return [uuid.uuid5(uuid.NAMESPACE_OID, name).bytes for name in own]


def _apart(a: _Side, b: _Side, pairs: Pairs) -> dict[str, Any]:
    """Of each pair how far apart a number is, and whether something else differs."""
    boxes = _less(a.stacked("boxes", np.zeros((0, 7)))[pairs.a], b.stacked("boxes", np.zeros((0, 7)))[pairs.b])
    speed = _less(a.boxes.boxes.velocities[pairs.a], b.boxes.boxes.velocities[pairs.b])
    found: dict[str, Any] = {
        "centre": np.linalg.norm(boxes[:, :3], axis=1),
        "size": np.abs(boxes[:, 3:6]).max(axis=1, initial=0.0),
        "yaw": np.abs((boxes[:, 6] + np.pi) % (2 * np.pi) - np.pi),
        "velocity": np.linalg.norm(speed, axis=1),
        "class": a.labels[pairs.a] != b.labels[pairs.b],
    }
    if any(isinstance(rows, Predictions) for rows in (*a.rows, *b.rows)):
        score = _less(a.stacked("scores", np.zeros(0))[pairs.a], b.stacked("scores", np.zeros(0))[pairs.b])
        return found | {"score": np.abs(score), "id": _unlike(a, b, pairs, "ids")}
    names = {
        "lidar points": "num_lidar_pts", "radar points": "num_radar_pts", "category": "categories",
        "attributes": "attributes",
    }  # fmt: skip
    found |= {told: _unlike(a, b, pairs, name) for told, name in names.items()}
    named = [np.array([bool(token) for token in one.listed("tokens")], dtype=bool) for one in (a, b)]
    return found | {"token": _unlike(a, b, pairs, "tokens") & named[0][pairs.a] & named[1][pairs.b]}


def _unlike(a: _Side, b: _Side, pairs: Pairs, name: str) -> NDArray[np.bool_]:
    left, right = a.listed(name), b.listed(name)
    told = (left[i] != right[j] for i, j in zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))
    return np.fromiter(told, dtype=bool, count=len(pairs.a))


def _less(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """A less B; 0 where both are unknown, NaN where one is."""
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.subtract(a, b, out=np.zeros_like(a), where=~equal)
