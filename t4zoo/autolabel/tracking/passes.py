"""One pass over a scene's frames: what the Kalman filter expects is matched with what was seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.tracking.assignment import matching
from t4zoo.autolabel.tracking.kalman import States, predict, start, update
from t4zoo.autolabel.tracking.links import Links
from t4zoo.autolabel.tracking.rules import KalmanRules
from t4zoo.autolabel.tracking.sightings import Sightings
from t4zoo.info import Array

Rows = NDArray[np.int64]
INSTANT = 1e-6  # seconds, added to the age: float64 holds a time of today no finer


def links_of(seen: Sightings, rules: KalmanRules, backward: bool = False) -> Links:
    """Which box follows which in the same object, as one pass has it; backward, time and velocities are turned round.

    A box that continues no object begins one, the best of a frame first.
    """
    sign = -1.0 if backward else 1.0
    times, velocities = sign * seen.times, sign * seen.velocities
    states = start(seen.positions, velocities, seen.motion)  # of each box: of its object, once it was seen
    last = np.zeros(0, dtype=np.int64)  # box of each object that is still looked for
    found = [(last, last, np.zeros(0))]
    frames = range(len(times))
    for frame in reversed(frames) if backward else frames:
        boxes = np.arange(seen.starts[frame], seen.starts[frame + 1])
        last = last[times[frame] - times[seen.frames[last]] <= rules.max_age + INSTANT]
        expected = predict(states.take(last), times[frame] - times[seen.frames[last]], seen.motion.take(last))
        rows, columns, benefits = _pairs(seen, last, boxes, expected, rules)
        hold = matching(rows, columns, benefits)
        rows, now, before = rows[hold], boxes[columns[hold]], last[rows[hold]]
        found.append((now, before, benefits[hold]) if backward else (before, now, benefits[hold]))
        states.put(now, update(expected.take(rows), seen.positions[now], velocities[now], seen.motion.take(now)))
        last[rows] = now
        last = np.concatenate([last, np.setdiff1d(boxes, now)])
    return Links(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _pairs(seen: Sightings, last: Rows, boxes: Rows, expected: States, rules: KalmanRules) -> tuple[Rows, Rows, Array]:
    """Objects and boxes that may be one, and what each such pair is worth, always more than 0.

    Under mahalanobis that is the logarithm of the likelihood, doubled, without constants, so that an object of
    which little is known does not take a box from one that is expected right there; under metres, nearness.
    """
    variance = expected.a + seen.motion.position_noise[last]
    reach = np.full(len(last), rules.widest)
    if rules.distance == "mahalanobis":
        reach = np.minimum(reach, rules.sigmas * np.sqrt(variance))
    rows, columns = _within(expected.position[:, 0], reach, seen.positions[boxes, 0])
    off = seen.positions[boxes[columns]] - expected.position[rows]
    square = off[:, 0] * off[:, 0] + off[:, 1] * off[:, 1]
    gate = np.minimum(np.maximum(seen.gates[last[rows]], seen.gates[boxes[columns]]), reach[rows])
    near = (square <= gate * gate) & (seen.groups[last[rows]] == seen.groups[boxes[columns]])
    rows, columns, square = rows[near], columns[near], square[near]
    if rules.distance == "metres":
        return rows, columns, 1.0 + rules.widest - np.sqrt(square)
    bounded = np.minimum(variance, rules.widest**2)[rows]
    most = rules.sigmas**2 + 2.0 * np.log(rules.widest**2)
    return rows, columns, 1.0 + most - square / variance[rows] - 2.0 * np.log(bounded)


def _within(places: Array, reach: Array, others: Array) -> tuple[Rows, Rows]:
    """The pairs of a place and one of the others, on a line, that lie apart by no more than the place's reach [m]."""
    order = np.argsort(others, kind="stable")
    begins = np.searchsorted(others[order], places - reach, side="left")
    counts = np.searchsorted(others[order], places + reach, side="right") - begins
    rows = np.repeat(np.arange(len(places)), counts)
    nth = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, order[begins[rows] + nth]
