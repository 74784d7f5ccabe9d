"""What differs between two sets of labels of the same frames, box by box."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from t4zoo.errors import UsageError
from t4zoo.info import Array
from t4zoo.labels.folder import FILTERED, Folder
from t4zoo.labels.source import SceneBoxes

_APART = 1e4  # metres that keep the boxes of two frames or classes apart in one search


@dataclass(frozen=True)
class Partner:
    """near: centres nearer than this [m] may be one object. moved: centres farther apart than this [m] have moved.

    Raises UsageError for distances that are none.
    """

    near: float = 1.0
    moved: float = 0.1

    def __post_init__(self) -> None:
        """Check what a user gives."""
        if not 0.0 < self.near < math.inf or not 0.0 <= self.moved < math.inf:
            raise UsageError(f"--near {self.near:g} --moved {self.moved:g}: give distances [m], --near above 0")


@dataclass(frozen=True, eq=False)
class Pairs:
    """Boxes of a scene that are one object in both. a, b: (P,) rows. by_id: (P,) whether they have the same id.

    only_a, only_b: the rows that have no partner.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    by_id: NDArray[np.bool_]
    only_a: NDArray[np.int64]
    only_b: NDArray[np.int64]


@dataclass(eq=False)
class ClassChange:
    """One class's boxes: of both sides, without a partner, with one that has moved or another score.

    class_changed: with a partner of another class; counted for the class in A.
    """

    a: int = 0
    b: int = 0
    only_a: int = 0
    only_b: int = 0
    class_changed: int = 0
    moved: int = 0
    score_changed: int = 0
    score_sum: float = 0.0
    score_most: float = 0.0


@dataclass(eq=False)
class Difference:
    """classes: by name. changes: (class in A, class in B) -> boxes. frames: (scene, place in A) -> changed boxes.

    by_id, by_distance: pairs found so. frames_both, frames_a, frames_b: in both, and in one alone.
    """

    classes: dict[str, ClassChange]
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    frames: Counter[tuple[str, int]] = field(default_factory=Counter)
    by_id: int = 0
    by_distance: int = 0
    frames_both: int = 0
    frames_a: int = 0
    frames_b: int = 0


def difference(
    a: Folder, b: Folder, partner: Partner, advance: Callable[[int], None] = lambda scenes: None
) -> Difference:
    """Compare the labels of two folders in the frames that both have. Raises UsageError where there is none."""
    for folder in (a, b):
        if not folder.labels.scenes:
            raise UsageError(f"{folder.path / FILTERED}: no labels here to compare; `dvc repro autolabel` makes them")
    names = tuple(dict.fromkeys((*a.labels.classes, *b.labels.classes)))
    found = Difference({name: ClassChange() for name in names})
    for scene in sorted({*a.labels.scenes, *b.labels.scenes}):
        left = relabelled(a.labels.read(scene), a.labels.classes, names)
        right = relabelled(b.labels.read(scene), b.labels.classes, names)
        _compare(found, left, right, names, partner)
        advance(1)
    if not found.frames_both:
        raise UsageError(
            f"{a.path} and {b.path}: have no frame in common ({', '.join(a.labels.scenes[:3])} and "
            f"{', '.join(b.labels.scenes[:3])}); compare labels of the same scenes"
        )
    return found


def relabelled(said: SceneBoxes, known: Sequence[str], names: Sequence[str]) -> SceneBoxes:
    """The boxes with labels that index `names`."""
    lookup = np.array([names.index(name) for name in known], dtype=np.int64)
    return SceneBoxes(said.scene, said.frames, replace(said.boxes, labels=lookup[said.boxes.labels]))


def pair(a: SceneBoxes, b: SceneBoxes, near: float) -> Pairs:
    """By id first, then the nearest of the same class, then the nearest of any; only in frames that both have."""
    tokens = {frame.token: place for place, frame in enumerate(b.frames)}
    place_of = np.array([tokens.get(frame.token, -1) for frame in a.frames], dtype=np.int64)
    frames_a, frames_b = place_of[a.boxes.frames], b.boxes.frames
    free_a, free_b = frames_a >= 0, np.isin(frames_b, place_of)
    rows_a, rows_b = np.flatnonzero(free_a), np.flatnonzero(free_b)
    ids = {(int(frames_b[row]), b.boxes.ids[row].tobytes()): row for row in rows_b.tolist()}
    same = [(row, ids.pop((int(frames_a[row]), a.boxes.ids[row].tobytes()), -1)) for row in rows_a.tolist()]
    pairs = [one for one in same if one[1] >= 0]
    by_id = len(pairs)
    for classes in (1.0, 0.0):
        for taken, free in zip(zip(*pairs, strict=True), (free_a, free_b), strict=False):
            free[list(taken)] = False
        rows_a, rows_b = np.flatnonzero(free_a), np.flatnonzero(free_b)
        here = _points(a, rows_a, frames_a, classes)
        there = _points(b, rows_b, frames_b, classes)
        pairs += [(int(rows_a[i]), int(rows_b[j])) for i, j in nearest(here, there, near)]
    for taken, free in zip(zip(*pairs, strict=True), (free_a, free_b), strict=False):
        free[list(taken)] = False
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Pairs(
        table[:, 0], table[:, 1], np.arange(len(table)) < by_id, np.flatnonzero(free_a), np.flatnonzero(free_b)
    )


def nearest(a: Array, b: Array, near: float) -> list[tuple[int, int]]:
    """Pairs of rows nearer than `near`, each row in one pair at most, the closest pair first."""
    if not len(a) or not len(b):
        return []
    found = cKDTree(a).sparse_distance_matrix(cKDTree(b), near, output_type="ndarray")
    found = found[found["v"] < near]
    found = found[np.lexsort((found["j"], found["i"], found["v"]))]
    pairs: list[tuple[int, int]] = []
    free_a, free_b = np.ones(len(a), dtype=bool), np.ones(len(b), dtype=bool)
    for i, j in zip(found["i"].tolist(), found["j"].tolist(), strict=True):
        if free_a[i] and free_b[j]:
            free_a[i] = free_b[j] = False
            pairs.append((i, j))
    return pairs


def _points(said: SceneBoxes, rows: NDArray[np.int64], frames: NDArray[np.int64], classes: float) -> Array:
    boxes = said.boxes
    return np.column_stack([boxes.boxes[rows, :3], frames[rows] * _APART, boxes.labels[rows] * classes * _APART])


def _compare(found: Difference, a: SceneBoxes, b: SceneBoxes, names: Sequence[str], partner: Partner) -> None:
    tokens_a, tokens_b = {frame.token for frame in a.frames}, {frame.token for frame in b.frames}
    found.frames_both += len(tokens_a & tokens_b)
    found.frames_a += len(tokens_a - tokens_b)
    found.frames_b += len(tokens_b - tokens_a)
    pairs = pair(a, b, partner.near)
    found.by_id += int(pairs.by_id.sum())
    found.by_distance += int((~pairs.by_id).sum())
    moved = np.linalg.norm(a.boxes.boxes[pairs.a, :3] - b.boxes.boxes[pairs.b, :3], axis=1) > partner.moved
    score = b.boxes.scores[pairs.b] - a.boxes.scores[pairs.a]
    turned = a.boxes.labels[pairs.a] != b.boxes.labels[pairs.b]
    _count_classes(found, a, b, names, pairs, moved, score, turned)
    index = {frame.token: place for place, frame in enumerate(a.frames)}
    place_b = np.array([index.get(frame.token, -1) for frame in b.frames], dtype=np.int64)
    changed = (
        a.boxes.frames[pairs.a[moved | turned]],
        a.boxes.frames[pairs.only_a],
        place_b[b.boxes.frames[pairs.only_b]],
    )
    found.frames.update((a.scene, place) for place in np.concatenate(changed).tolist())


def _count_classes(
    found: Difference,
    a: SceneBoxes,
    b: SceneBoxes,
    names: Sequence[str],
    pairs: Pairs,
    moved: NDArray[np.bool_],
    score: Array,
    turned: NDArray[np.bool_],
) -> None:
    left, right = a.boxes.labels[pairs.a], b.boxes.labels[pairs.b]
    for label, name in enumerate(names):
        one, mine = found.classes[name], left == label
        only_a = int((a.boxes.labels[pairs.only_a] == label).sum())
        only_b = int((b.boxes.labels[pairs.only_b] == label).sum())
        one.a += int(mine.sum()) + only_a
        one.b += int((right == label).sum()) + only_b
        one.only_a += only_a
        one.only_b += only_b
        one.class_changed += int(turned[mine].sum())
        one.moved += int(moved[mine].sum())
        one.score_changed += int((score[mine] != 0.0).sum())
        one.score_sum += float(score[mine].sum())
        one.score_most = max(one.score_most, float(np.abs(score[mine]).max(initial=0.0)))
    found.changes.update(
        (names[x], names[y]) for x, y in zip(left[turned].tolist(), right[turned].tolist(), strict=True)
    )
