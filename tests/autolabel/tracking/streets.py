"""Made-up streets as a detector sees them, with the object that each box really is."""

from __future__ import annotations

import copy
import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from t4zoo.autolabel.labels import Labels
from t4zoo.autolabel.tracking.rules import TrackingRules, read_tracking
from t4zoo.autolabel.tracking.tracker import track
from t4zoo.boxes import ID, BoxTable
from t4zoo.geometry import apply, compose, inverse, rotate, rotation_from_euler, rotation_from_yaw, transform
from t4zoo.info import Frame
from t4zoo.t4.world import CLASSES, SIGHT, make_world
from tests.pipeline import ROOT

SHIPPED = yaml.safe_load((ROOT / "conf" / "tracking" / "kalman.yaml").read_text())
# A lidar that is neither level nor in the middle nor looks ahead.
LIDAR2EGO = transform(rotation_from_euler(0.01, -0.02, math.pi / 2), (0.9, 0.1, 2.0))

Place = Callable[[float], tuple[float, float]]  # of an object in the map at a time [s]
Pose = Callable[[float], tuple[float, float, float]]  # x, y [m] and yaw [rad] of the ego at a time


@dataclass(frozen=True)
class Thing:
    """An object: its class, and where it is."""

    kind: str
    at: Place
    size: tuple[float, float, float] = (4.5, 1.8, 1.6)


@dataclass(frozen=True)
class Street:
    """What is seen: frames, labels, and (N,) which object each label is, -1 for what is none."""

    frames: tuple[Frame, ...]
    labels: Labels
    truth: NDArray[np.int64]


def rules(**changes: Any) -> TrackingRules:
    """The shipped rules with some values changed; `smoothing_size` is the size of smoothing."""
    data = copy.deepcopy(SHIPPED)
    for key, value in changes.items():
        inner = key.removeprefix("smoothing_")
        (data if inner == key else data["smoothing"])[inner] = value
    return read_tracking(data, "kalman.yaml")


def frame_at(number: int, time: float, ego: tuple[float, float, float], scene: str = "street/0") -> Frame:
    """A frame of a scene far from the map's origin."""
    x, y, yaw = ego
    ego2global = transform(rotation_from_yaw(yaw), (x + 4000.0, y - 900.0, 30.0))
    return Frame(
        number, f"{scene}/{number}", 1.7e9 + time, scene, "", "", "", f"raw/{scene}/data/L/{number}.bin", 5, LIDAR2EGO,
        ego2global,
    )  # fmt: skip


def standing(time: float) -> tuple[float, float, float]:
    """An ego that does not move."""
    return 0.0, 0.0, 0.0


def watch(
    things: Sequence[Thing],
    times: Sequence[float],
    ego: Pose = standing,
    drop: float = 0.0,
    noise: float = 0.0,
    speed_noise: float | None = None,
    clutter: int = 0,
    seed: int = 0,
    visible: Callable[[int, float], bool] = lambda number, time: True,
) -> Street:
    """What a detector sees of things: `drop` of the boxes are missing, centres are `noise` metres off along each axis.

    speed_noise: what the velocities are off by [m/s]; None: unknown. clutter: boxes in a frame that are nothing.
    """
    rng = np.random.default_rng(seed)
    frames = tuple(frame_at(number, time, ego(time)) for number, time in enumerate(times))
    rows, truth, starts = [], [], [0]
    for frame, time in zip(frames, times, strict=True):
        here = ego(time)[:2]
        for number, thing in enumerate(things):
            if visible(number, time) and math.dist(thing.at(time), here) < SIGHT and rng.random() >= drop:
                rows.append(_row(thing, time, frame, noise, speed_noise, rng))
                truth.append(number)
        for _ in range(clutter):
            x, y = rng.uniform(-SIGHT, SIGHT, 2)
            rows.append(_row(Thing("car", _still(here[0] + x, here[1] + y)), time, frame, 0.0, speed_noise, rng))
            truth.append(-1)
        starts.append(len(rows))
    return Street(frames, _labels(np.array(rows).reshape(-1, 11), np.array(starts)), np.array(truth, dtype=np.int64))


def _still(x: float, y: float) -> Place:
    return lambda time: (x, y)


def _row(
    thing: Thing, time: float, frame: Frame, noise: float, speed_noise: float | None, rng: np.random.Generator
) -> list[float]:
    to_map = compose(frame.ego2global, frame.lidar2ego)
    (x, y), (later_x, later_y) = thing.at(time), thing.at(time + 1e-3)
    velocity = np.array([later_x - x, later_y - y, 0.0]) / 1e-3
    off = rng.normal(0.0, noise, 2) if noise else np.zeros(2)
    centre = apply(inverse(to_map), np.array([x + 4000.0 + off[0], y - 900.0 + off[1], 30.8]))
    turned = rotate(to_map[:3, :3].T, velocity)[:2] + (rng.normal(0.0, speed_noise, 2) if speed_noise else 0.0)
    if speed_noise is None:
        turned = np.full(2, np.nan)
    score = round(float(rng.uniform(0.3, 1.0)), 6)
    return [*centre, *thing.size, 0.0, *turned, CLASSES.index(thing.kind), score]


def _labels(rows: NDArray[np.float64], starts: NDArray[np.int64]) -> Labels:
    ids = b"".join(uuid.uuid5(uuid.NAMESPACE_URL, str(number)).bytes for number in range(len(rows)))
    table = BoxTable(
        starts, rows[:, :7], rows[:, 7:9], rows[:, 9].astype(np.int64), rows[:, 10], np.frombuffer(ids, dtype=ID)
    )
    return Labels.of(table, rows[:, 10:])


def street_of(seed: int, seconds: float = 4.0, period: float = 0.1, **seeing: Any) -> Street:
    """One of the sample data's streets, for longer: traffic, people on both pavements, sometimes somebody crossing."""
    world = make_world(np.random.default_rng(seed), seconds)
    things = [Thing(actor.category, actor.at, actor.size) for actor in world.actors if actor.category]
    times = np.arange(round(seconds / period)) * period
    return watch(things, times.tolist(), world.ego_at, seed=seed, **seeing)


@dataclass(frozen=True)
class Errors:
    """switches: how often an object's next box has another id. fragments: ids of an object beyond its first.

    mixed: ids that several objects bear. steps: in how many places a switch could have been.
    """

    switches: int
    fragments: int
    mixed: int
    steps: int


def errors_of(street: Street, tracked: Labels) -> Errors:
    """How the ids of the labels, all of them still there, differ from the truth."""
    ids = np.unique(tracked.tracks.view("S16"), return_inverse=True)[1]
    switches = fragments = steps = 0
    for number in np.unique(street.truth[street.truth >= 0]):
        own = ids[street.truth == number]
        switches += int(np.count_nonzero(np.diff(own)))
        fragments += len(np.unique(own)) - 1
        steps += len(own) - 1
    real = street.truth >= 0
    pairs = np.unique(np.column_stack([ids[real], street.truth[real]]), axis=0)
    return Errors(switches, fragments, int(np.count_nonzero(np.bincount(pairs[:, 0]) > 1)), steps)


def tracked(street: Street, **changes: Any) -> Labels:
    """The street's labels with ids, by the shipped rules with some values changed."""
    return track(street.labels, street.frames, CLASSES, rules(**changes))
