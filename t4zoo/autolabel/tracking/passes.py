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
    off = seen.positions[boxes][None] - expected.position[:, None]
    square = off[..., 0] * off[..., 0] + off[..., 1] * off[..., 1]
    gate = np.maximum(seen.gates[last][:, None], seen.gates[boxes][None])
    near = (square <= gate * gate) & (seen.groups[last][:, None] == seen.groups[boxes][None])
    if rules.distance == "metres":
        rows, columns = np.nonzero(near)
        return rows, columns, 1.0 + rules.widest - np.sqrt(square[rows, columns])
    variance = expected.a + seen.motion.position_noise[last]
    rows, columns = np.nonzero(near & (square <= rules.sigmas**2 * variance[:, None]))
    bounded = np.minimum(variance[rows], rules.widest**2)
    most = rules.sigmas**2 + 2.0 * np.log(rules.widest**2)
    return rows, columns, 1.0 + most - square[rows, columns] / variance[rows] - 2.0 * np.log(bounded)
