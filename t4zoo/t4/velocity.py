"""How fast an annotated object moves, in the map frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from t4zoo.t4.reader import T4Scene
from t4zoo.t4.tables import Sample, SampleAnnotation

Array = NDArray[np.float64]

LONGEST_GAP = 1.5  # between two annotations [s]; beyond it their difference says nothing
UNKNOWN = np.full(3, math.nan)


def velocity_of(scene: T4Scene, box: SampleAnnotation) -> Array:
    """(3,) velocity [m/s]: the annotated one, else the difference of its neighbours' centres, else NaN.

    Source of the difference: nuscenes-devkit's `box_velocity`; it is central wherever there are two neighbours.
    """
    if box.velocity is not None:
        return np.array(box.velocity)
    first = scene.one(SampleAnnotation, box.prev) if box.prev else box
    last = scene.one(SampleAnnotation, box.next) if box.next else box
    gaps = (box.prev != "") + (box.next != "")
    times = [scene.one(Sample, row.sample_token).timestamp for row in (first, last)]
    elapsed = 1e-6 * (times[1] - times[0])
    if gaps == 0 or not 0 < elapsed <= LONGEST_GAP * gaps:
        return UNKNOWN
    difference: Array = (np.array(last.translation) - np.array(first.translation)) / elapsed
    return difference
