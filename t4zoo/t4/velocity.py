"""How fast annotated objects move, in the map frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from t4zoo.t4.places import rows_of
from t4zoo.t4.reader import T4Scene

Array = NDArray[np.float64]

LONGEST_GAP = 1.5  # between two annotations [s]; beyond it their difference says nothing


def velocities_of(scene: T4Scene) -> Array:
    """(N, 3) velocity [m/s] of each annotation: the annotated one, else the difference of its neighbours' centres.

    NaN where neither is known. Source of the difference: nuscenes-devkit's `box_velocity`; it is central wherever there
    are two neighbours.
    """
    boxes, samples = scene.columns["sample_annotation"], scene.columns["sample"]
    velocities: Array = boxes["velocity"].copy()
    asked = np.flatnonzero(np.isnan(velocities[:, 0]))
    before, after = (rows_of(boxes.index, [boxes[side][row] for row in asked.tolist()]) for side in ("prev", "next"))
    gaps = (before >= 0).astype(np.int64) + (after >= 0)
    first, last = (np.where(side >= 0, side, asked) for side in (before, after))
    times = np.array(samples["timestamp"], dtype=np.int64)
    owners = rows_of(samples.index, boxes["sample_token"])
    elapsed = 1e-6 * (times[owners[last]] - times[owners[first]])
    says = (gaps > 0) & (elapsed > 0) & (elapsed <= LONGEST_GAP * gaps)
    moved = boxes["translation"][last[says]] - boxes["translation"][first[says]]
    velocities[asked[says]] = moved / elapsed[says][:, None]
    return velocities
