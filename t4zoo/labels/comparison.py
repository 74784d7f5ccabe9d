"""A comparison of two auto_label folders: its figures as JSON holds them, and its tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from t4zoo.labels.difference import ClassChange, Partner, difference
from t4zoo.labels.figures import Data, plain_data
from t4zoo.labels.folder import Folder
from t4zoo.labels.made_by import log_changes, makers
from t4zoo.labels.tables import Cell, Table

MOST = 20  # scenes and frames that are named


def compare(a: Folder, b: Folder, partner: Partner, advance: Callable[[int], None] = lambda scenes: None) -> Data:
    """What `t4zoo labels diff --json` prints. Raises what `difference` raises."""
    found = difference(a, b, partner, advance)
    scenes: Counter[str] = Counter()
    for (scene, _), count in found.frames.items():
        scenes[scene] += count
    data = {
        "a": a.path.name,
        "b": b.path.name,
        "near_m": partner.near,
        "moved_m": partner.moved,
        "frames": {"both": found.frames_both, "only_a": found.frames_a, "only_b": found.frames_b},
        "pairs": {"by_id": found.by_id, "by_distance": found.by_distance},
        "made_by": makers(a, b),
        "log": log_changes(a, b),
        "classes": [{"class": name, **_change(one)} for name, one in found.classes.items()],
        "class_changes": [{"a": x, "b": y, "boxes": n} for (x, y), n in sorted(found.changes.items())],
        "scenes": [{"scene": scene, "changed": n} for scene, n in _most(scenes)],
        "changed_frames": [_frame(a, scene, place, n) for (scene, place), n in _most(found.frames)],
    }
    plain: Data = plain_data(data)
    return plain


def _most(counted: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:MOST]


def _change(one: ClassChange) -> Data:
    both = one.a - one.only_a
    return {
        "a": one.a,
        "b": one.b,
        "only_a": one.only_a,
        "only_b": one.only_b,
        "class_changed": one.class_changed,
        "moved": one.moved,
        "score_changed": one.score_changed,
        "score_mean": one.score_sum / both if both else None,
        "score_most": one.score_most if both else None,
    }


def _frame(a: Folder, scene: str, place: int, changed: int) -> Data:
    token = a.labels.read(scene).frames[place].token
    return {"scene": scene, "frame": place, "token": token, "changed": changed}


def unchanged(data: Data) -> bool:
    """Whether the labels are the same: every box, its place, class and score."""
    parts = ("only_a", "only_b", "class_changed", "moved", "score_changed")
    return not any(row[part] for row in data["classes"] for part in parts) and data["frames"] == {
        "both": data["frames"]["both"], "only_a": 0, "only_b": 0,
    }  # fmt: skip


def tables(data: Data) -> list[Table]:
    """The tables of a comparison; those without rows are left out."""
    return [table for table in _tables(data) if table.rows]


def _tables(data: Data) -> Iterator[Table]:
    yield Table("What made them", "Where the files' own words differ.", data["made_by"], brief=True)
    pairs, near = data["pairs"], data["near_m"]
    note = (
        f"In the {data['frames']['both']} frames that both have. {pairs['by_id']} pairs have the same id, "
        f"{pairs['by_distance']} are nearer than {near:g} m. Moved: by more than {data['moved_m']:g} m. "
        "Scores: B less A, the mean and the largest change, over the pairs."
    )
    rows: list[dict[str, Cell]] = [dict(row) for row in data["classes"]]
    yield Table("Boxes", note, rows, brief=True)
    yield Table("Changed classes", "", data["class_changes"], brief=True)
    yield Table("Scenes that changed the most", "", data["scenes"], brief=True)
    yield Table("Frames that changed the most", "", data["changed_frames"][:MOST], brief=True)
