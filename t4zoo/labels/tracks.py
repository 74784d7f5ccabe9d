"""How long the objects of a scene are followed, and where they do what no object does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.geometry import apply, compose
from t4zoo.info import Array
from t4zoo.labels.folder import LabelScene
from t4zoo.labels.settings import Settings


@dataclass(frozen=True)
class Jump:
    """From the box of a track's frame before to the one in row `row` of the scene's labels, `what` changes too much.

    what: speed [m/s], turn [rad] or size (the ratio of a length to what it was), and value is how much.
    """

    row: int
    track: str
    what: str
    value: float


@dataclass(frozen=True, eq=False)
class Tracks:
    """The tracks of one scene. names: sorted. of: (N,) index of each box's track. lengths: boxes of each track.

    seconds: from each track's first to its last box. gaps: frames in between without a box.
    labels: the class of each track's first box.
    """

    names: NDArray[np.str_]
    of: NDArray[np.int64]
    lengths: NDArray[np.int64]
    seconds: Array
    gaps: NDArray[np.int64]
    labels: NDArray[np.int64]


def tracks_of(scene: LabelScene) -> Tracks:
    """The tracks in a scene's labels."""
    names, of = np.unique(scene.tracks, return_inverse=True)
    times, frames = _times(scene), scene.boxes.frames
    first, last = np.full(len(names), len(times)), np.full(len(names), -1)
    np.minimum.at(first, of, frames)
    np.maximum.at(last, of, frames)
    lengths = np.bincount(of, minlength=len(names))
    _, rows = np.unique(of, return_index=True)
    return Tracks(names, of, lengths, times[last] - times[first], last - first + 1 - lengths, scene.boxes.labels[rows])


def jumps_of(scene: LabelScene, settings: Settings) -> Iterator[Jump]:
    """What changes too much between two boxes of a track, by row. Positions and headings are those in the map."""
    order = np.lexsort((scene.boxes.frames, scene.tracks))
    before, after = order[:-1], order[1:]
    same = scene.tracks[before] == scene.tracks[after]
    before, after = before[same], after[same]
    times, centres, yaws = _times(scene)[scene.boxes.frames], *_in_map(scene)
    passed = times[after] - times[before]
    steps = np.linalg.norm(centres[after] - centres[before], axis=1)
    speeds = np.divide(steps, passed, out=np.full(len(steps), np.inf), where=passed > 0)  # two boxes in one frame
    turns = np.abs((yaws[after] - yaws[before] + np.pi) % (2 * np.pi) - np.pi)
    growths = np.exp(np.abs(np.log(scene.boxes.boxes[after, 3:6] / scene.boxes.boxes[before, 3:6])).max(axis=1))
    limits = (("speed", speeds, settings.max_speed), ("turn", turns, settings.max_turn))
    for what, values, most in (*limits, ("size", growths, settings.max_growth)):
        for row in np.flatnonzero(values > most).tolist():
            yield Jump(int(after[row]), str(scene.tracks[after[row]]), what, float(values[row]))


def _times(scene: LabelScene) -> Array:
    return np.array([frame.timestamp for frame in scene.frames], dtype=np.float64)


def _in_map(scene: LabelScene) -> tuple[Array, Array]:
    """(N, 2) centres [m] and (N,) headings [rad] about the map's +z."""
    poses = [compose(frame.ego2global, frame.lidar2ego) for frame in scene.frames]
    centres, yaws = np.zeros((len(scene.boxes), 2)), np.zeros(len(scene.boxes))
    for pose, start, end in zip(poses, scene.boxes.starts[:-1], scene.boxes.starts[1:], strict=True):
        rows = scene.boxes.boxes[start:end]
        centres[start:end] = apply(pose, rows[:, :3])[:, :2]
        yaws[start:end] = rows[:, 6] + np.arctan2(pose[1, 0], pose[0, 0])
    return centres, yaws
