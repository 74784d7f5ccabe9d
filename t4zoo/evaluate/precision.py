"""Average precision by centre distance, and the errors of what was found, for the boxes of one class.

The definition is nuScenes' (Caesar et al., "nuScenes: a multimodal dataset for autonomous driving", CVPR 2020, section
3.1, and the detection task's README): predictions of all frames in the order of their score each take the nearest free
ground truth of their frame that is closer than a threshold, seen from above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from t4zoo.evaluate.boxes import Boxes

Array = NDArray[np.float64]

RECALLS = np.linspace(0.0, 1.0, 101)
ERRORS = ("translation", "scale", "orientation", "velocity")

_FAR = 1e4  # metres that keep the boxes of two frames apart in one search tree; far beyond any threshold


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision, the score at which it is reached, and running mean errors, at each of the 101 `RECALLS`.

    Beyond the highest recall that was reached, precision and score are 0.
    errors: one (101,) column for each of `ERRORS`: [m], 1 - IoU, [rad], [m/s].
    """

    precision: Array
    score: Array
    errors: dict[str, Array]

    @property
    def last(self) -> int:
        """Index into `RECALLS` of the highest recall that was reached; 0 when there was none."""
        reached = np.flatnonzero(self.score)
        return int(reached[-1]) if len(reached) else 0


def curve_of(truth: Boxes, predicted: Boxes, threshold: float, period: float) -> Curve:
    """The precision-recall curve of one class's boxes when a match is closer than `threshold` metres.

    period [rad]: two headings that differ by it are the same, 2 pi or, for a class without a front, pi.
    """
    # Of equal scores the later box goes first, as in nuScenes' own code.
    predicted = predicted.take(np.argsort(predicted.scores, kind="stable")[::-1])
    matched = match(truth, predicted, threshold)
    hit = matched >= 0
    if not hit.any():
        return Curve(np.zeros(101), np.zeros(101), {name: np.ones(101) for name in ERRORS})
    found = np.cumsum(hit)
    recall = found / len(truth)
    precision = np.interp(RECALLS, recall, found / np.arange(1, len(hit) + 1), right=0.0)
    score = np.interp(RECALLS, recall, predicted.scores, right=0.0)
    errors = _errors(truth.take(matched[hit]), predicted.take(hit), period)
    scores = predicted.scores[hit]
    # Scores fall while recall grows; np.interp wants its grid to rise, so both are turned round.
    running = {name: np.interp(score[::-1], scores[::-1], _running_mean(e)[::-1])[::-1] for name, e in errors.items()}
    return Curve(precision, score, running)


def average_precision(curve: Curve, min_recall: float, min_precision: float) -> float:
    """Area under the curve above `min_recall` and `min_precision`, scaled to 0..1."""
    area = np.maximum(curve.precision[_first(min_recall) :] - min_precision, 0.0)
    return float(area.mean() / (1.0 - min_precision))


def mean_error(curve: Curve, name: str, min_recall: float) -> float:
    """Mean of the running mean error `name` over the recalls reached above `min_recall`; 1 when none was."""
    first = _first(min_recall)
    return float(curve.errors[name][first : curve.last + 1].mean()) if curve.last >= first else 1.0


def match(truth: Boxes, predicted: Boxes, threshold: float) -> NDArray[np.int64]:
    """For each predicted box, in the given order, the row of the ground truth it takes, or -1: (len(predicted),)."""
    result = np.full(len(predicted), -1, dtype=np.int64)
    rows, partners = _near(truth, predicted, threshold)
    free = np.ones(len(truth), dtype=bool)
    for row, partner in zip(rows.tolist(), partners.tolist(), strict=True):
        if result[row] < 0 and free[partner]:
            result[row] = partner
            free[partner] = False
    return result


def _near(truth: Boxes, predicted: Boxes, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs (predicted row, truth row) of one frame closer than `threshold`, by predicted row, nearest first."""
    if not len(truth) or not len(predicted):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    tree = cKDTree(np.column_stack([truth.centers, truth.frames * _FAR]))
    found = tree.query_ball_point(np.column_stack([predicted.centers, predicted.frames * _FAR]), threshold * 1.000001)
    counts = [len(partners) for partners in found]
    rows = np.repeat(np.arange(len(predicted)), counts)
    partners = np.array([partner for some in found for partner in some], dtype=np.int64)
    distance = _distance(truth.take(partners), predicted.take(rows))
    order = np.lexsort((partners, distance, rows))
    order = order[distance[order] < threshold]
    return rows[order], partners[order]


def _errors(truth: Boxes, predicted: Boxes, period: float) -> dict[str, Array]:
    """The error of each matched pair, by its name in `ERRORS`: (N,) each."""
    return {
        "translation": _distance(truth, predicted),
        "scale": 1.0 - _aligned_iou(truth.sizes, predicted.sizes),
        "orientation": _turn(truth.yaws - predicted.yaws, period),
        "velocity": np.linalg.norm(truth.velocities - predicted.velocities, axis=1),
    }


def _distance(a: Boxes, b: Boxes) -> Array:
    distance: Array = np.linalg.norm(a.centers - b.centers, axis=1)
    return distance


def _aligned_iou(a: Array, b: Array) -> Array:
    """Intersection over union of boxes (N, 3) laid on one centre and heading: only their sizes differ."""
    shared = np.minimum(a, b).prod(axis=1)
    iou: Array = shared / (a.prod(axis=1) + b.prod(axis=1) - shared)
    return iou


def _turn(angle: Array, period: float) -> Array:
    """The smallest size of `angle` [rad] when whole periods do not count."""
    turn: Array = np.abs((angle + period / 2) % period - period / 2)
    return turn


def _running_mean(values: Array) -> Array:
    """Mean of all values so far, NaNs left out; 1 everywhere when all are NaN, 0 before the first that is not."""
    known = ~np.isnan(values)
    if not known.any():
        return np.ones(len(values))
    counts = np.cumsum(known)
    means: Array = np.divide(np.nancumsum(values), counts, out=np.zeros(len(values)), where=counts > 0)
    return means


def _first(min_recall: float) -> int:
    return round(100 * min_recall) + 1  # the bin of min_recall itself is left out
