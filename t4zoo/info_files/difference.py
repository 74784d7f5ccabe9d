"""What differs between two info files: metainfo, scenes, frames and their fields, and boxes one by one."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from t4zoo.info import Frame
from t4zoo.info_files.box_changes import BoxChanges, Names, Rules
from t4zoo.info_files.opened import Opened

_TEXTS = ("scene_token", "scene_name", "location", "city", "vehicle_type", "lidar_path", "sample_idx", "num_pts_feats")
_NUMBERS = ("timestamp", "lidar2ego", "ego2global")
_NOTES = ("images", "lidar_sources")


@dataclass(eq=False)
class Difference:
    """metainfo: name -> its values in both. scenes, frames: in both, and those in one alone.

    elsewhere: frames whose token is in both, in scenes of other names. moved: whether frames in both stand in another
    order. fields: of frames in both -> in how many another, and by how much at most, where it is a number.
    instances, predictions: of frames in both. changed: (scene, token) -> what changed.
    """

    metainfo: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    scenes: int = 0
    scenes_a: list[str] = field(default_factory=list)
    scenes_b: list[str] = field(default_factory=list)
    frames: int = 0
    frames_a: list[tuple[str, str]] = field(default_factory=list)
    frames_b: list[tuple[str, str]] = field(default_factory=list)
    elsewhere: int = 0
    moved: bool = False
    fields: dict[str, tuple[int, float | None]] = field(default_factory=dict)
    instances: BoxChanges = field(default_factory=BoxChanges)
    predictions: BoxChanges = field(default_factory=BoxChanges)
    changed: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        lists = self.metainfo, self.scenes_a, self.scenes_b, self.frames_a, self.frames_b, self.fields
        return not any(lists) and not self.moved and self.instances.same and self.predictions.same


def difference(a: Opened, b: Opened, rules: Rules, advance: Callable[[int], None] = lambda scenes: None) -> Difference:
    """Compare two files, scene by scene. Raises InfoError or ParquetError for a frame that cannot be read."""
    found, names = Difference(metainfo=_metainfo(a, b)), Names(a.form.classes, b.form.classes)
    found.scenes_a = [scene for scene in a.scenes if scene not in set(b.scenes)]
    found.scenes_b = [scene for scene in b.scenes if scene not in set(a.scenes)]
    found.scenes = len(a.scenes) - len(found.scenes_a)
    for scene in dict.fromkeys((*a.scenes, *b.scenes)):
        _scene(found, scene, (a.of_scene(scene), b.of_scene(scene)), names, rules)
        advance(1)
    tokens = {token for _, token in found.frames_b}
    found.elsewhere = sum(1 for _, token in found.frames_a if token in tokens)
    found.moved = _moved(a, b)
    return found


def _metainfo(a: Opened, b: Opened) -> dict[str, tuple[Any, Any]]:
    sides = [{"classes": list(one.form.classes), "version": one.form.version, **one.form.extra} for one in (a, b)]
    names = dict.fromkeys((*sides[0], *sides[1]))
    pairs = {name: (sides[0].get(name), sides[1].get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if not same(*pair, 0.0)}


def _scene(
    found: Difference, scene: str, sides: tuple[Sequence[Frame], Sequence[Frame]], names: Names, rules: Rules
) -> None:
    here, there = map(_by_token, sides)
    both = [key for key in here if key in there]
    found.frames += len(both)
    found.frames_a += [(scene, key[0]) for key in here if key not in there]
    found.frames_b += [(scene, key[0]) for key in there if key not in here]
    left, right = [here[key] for key in both], [there[key] for key in both]
    changes: Counter[int] = Counter()
    for place, (one, other) in enumerate(zip(left, right, strict=True)):
        changes[place] += _fields(found, one, other, rules.tolerance)
    for kind, changed in (("instances", found.instances), ("predictions", found.predictions)):
        changes += changed.add(kind, (left, right), names, rules)
    found.changed.update({(scene, both[place][0]): count for place, count in changes.items() if count})


def _by_token(frames: Sequence[Frame]) -> dict[tuple[str, int], Frame]:
    """The frames by token; a token that is there again is another frame."""
    times: Counter[str] = Counter()
    found = {}
    for frame in frames:
        found[frame.token, times[frame.token]] = frame
        times[frame.token] += 1
    return found


def _fields(found: Difference, a: Frame, b: Frame, tolerance: float) -> int:
    """Note which fields differ; how many do."""
    changes: dict[str, float | None] = {}
    for name in _NUMBERS:
        one, other = np.asarray(getattr(a, name)), np.asarray(getattr(b, name))
        if not same(one, other, tolerance):
            changes[name] = float(np.max(np.abs(one - other)))
    changes |= dict.fromkeys(name for name in _TEXTS if getattr(a, name) != getattr(b, name))
    changes |= dict.fromkeys(name for name in _NOTES if not same(getattr(a, name), getattr(b, name), tolerance))
    if not same(_sweeps(a), _sweeps(b), tolerance):
        changes["sweeps"] = None
    for name, apart in changes.items():
        times, most = found.fields.get(name, (0, None))
        found.fields[name] = times + 1, apart if most is None else max(most, apart or 0.0)
    return len(changes)


def _sweeps(frame: Frame) -> list[list[Any]]:
    return [[getattr(sweep, one.name) for one in dataclasses.fields(sweep)] for sweep in frame.sweeps]


def same(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two values of an info file are equal, numbers to the tolerance, lists and arrays alike."""
    if isinstance(a, dict) and _equal(a, b):
        return True
    a, b = (value.tolist() if isinstance(value, np.ndarray | np.generic) else value for value in (a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[key], tolerance) for key, value in a.items())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(*pair, tolerance) for pair in zip(a, b, strict=True))
    if isinstance(a, float) or isinstance(b, float):
        numbers = isinstance(a, int | float) and isinstance(b, int | float)
        return numbers and (a == b or abs(a - b) <= tolerance or (a != a and b != b))
    return bool(a == b)


def _equal(a: Any, b: Any) -> bool:
    """Whether they are equal without a closer look, which takes a hundred times as long."""
    try:
        return bool(a == b)
    except ValueError:  # there is an array within
        return False


def _moved(a: Opened, b: Opened) -> bool:
    """Whether the frames that both have stand in another order."""
    left, right = list(a.tokens()), list(b.tokens())
    if left == right:
        return False
    both = Counter(left) & Counter(right)
    return list(_of(left, both)) != list(_of(right, both))


def _of(tokens: Sequence[str], wanted: Counter[str]) -> Iterator[str]:
    left = wanted.copy()
    for token in tokens:
        if left[token] > 0:
            left[token] -= 1
            yield token
