"""The velocities of objects, with all their boxes known: the filter forward, then hindsight backward."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.tracking.kalman import States, hindsight, predict, start, update
from t4zoo.autolabel.tracking.sightings import Sightings
from t4zoo.info import Array

Rows = NDArray[np.int64]


def smoothed_velocities(seen: Sightings, objects: Rows) -> Array:
    """(N, 2) the velocity of each box's object at its time, along the map's axes [m/s].

    objects: (N,) equal for boxes of one object. What an object seen once has is a guess around 0.
    """
    steps = _steps(objects)
    states = start(seen.positions, seen.velocities, seen.motion)
    for before, now in steps:
        expected = predict(states.take(before), _seconds(seen, before, now), seen.motion.take(before))
        seen_now = (seen.positions[now], seen.velocities[now], seen.motion.take(now))
        states.put(now, update(expected, *seen_now))
    for now, later in reversed(steps):
        _look_back(seen, states, now, later)
    return states.velocity


def _look_back(seen: Sightings, states: States, now: Rows, later: Rows) -> None:
    known, seconds = states.take(now), _seconds(seen, now, later)
    expected = predict(known, seconds, seen.motion.take(now))
    states.put(now, hindsight(known, expected, states.take(later), seconds))


def _seconds(seen: Sightings, before: Rows, now: Rows) -> Array:
    gaps: Array = seen.times[seen.frames[now]] - seen.times[seen.frames[before]]
    return gaps


def _steps(objects: Rows) -> list[tuple[Rows, Rows]]:
    """First and second boxes of all objects, second and third, and so on: every object takes its step at once."""
    order = np.argsort(objects, kind="stable")
    begins = np.flatnonzero(np.diff(objects[order], prepend=-1))
    lengths = np.diff(begins, append=len(order))
    steps = []
    for step in range(1, int(lengths.max(initial=0))):
        rows = begins[lengths > step] + step
        steps.append((order[rows - 1], order[rows]))
    return steps
