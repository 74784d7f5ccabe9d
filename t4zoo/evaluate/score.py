"""The figures of a detector on a list of frames: each class at each distance threshold, in each range band."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from t4zoo.errors import T4zooError
from t4zoo.evaluate.boxes import Boxes, predicted_of, truth_of
from t4zoo.evaluate.precision import ERRORS, Curve, average_precision, curve_of, mean_error
from t4zoo.info import Frame, Predictions


class EvaluateError(T4zooError):
    """Predictions that cannot be compared with the ground truth, or rules by which nothing can."""


@dataclass(frozen=True)
class Rules:
    """How predictions are judged (`conf/evaluate.yaml` and the product's `evaluation`).

    thresholds: centre distances [m] below which a box is found. error_threshold: the one [m] for the errors.
    bands: (low, high) distances of a box from the ego [m]. symmetric: classes without a front.
    Raises EvaluateError for rules that would judge nothing: their figures would be null, as those of missing objects.
    """

    thresholds: tuple[float, ...]
    error_threshold: float
    min_recall: float
    min_precision: float
    bands: tuple[tuple[float, float], ...]
    symmetric: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Check the values."""
        if not self.bands or not all(len(band) == 2 and 0 <= band[0] < band[1] for band in self.bands):
            bands = [list(band) for band in self.bands]
            raise EvaluateError(f"evaluation.range_bands is {bands}; give pairs of a distance and a greater one [m]")
        if not self.thresholds or not all(value > 0 for value in (*self.thresholds, self.error_threshold)):
            values = [*self.thresholds], self.error_threshold
            raise EvaluateError(f"metrics.thresholds and error_threshold are {values}; give distances above 0 [m]")
        if not (0 <= self.min_recall < 1 and 0 <= self.min_precision < 1):
            shares = self.min_recall, self.min_precision
            raise EvaluateError(f"metrics.min_recall and min_precision are {shares}; give shares from 0 to below 1")


@dataclass(frozen=True, eq=False)
class ClassScore:
    """One class in one band. All figures are NaN when the band holds no ground truth of the class.

    precisions: average precision at each threshold. errors: by name in `ERRORS`, at `Rules.error_threshold`.
    curves: one a threshold, empty when there is no ground truth.
    """

    name: str
    truths: int
    predictions: int
    precisions: dict[float, float]
    errors: dict[str, float]
    curves: dict[float, Curve]

    @property
    def mean_precision(self) -> float:
        """Mean over the thresholds."""
        return mean(self.precisions.values())


@dataclass(frozen=True, eq=False)
class BandScore:
    """All classes among the boxes from `low` to `high` metres. Means leave out the classes without ground truth."""

    low: float
    high: float
    classes: tuple[ClassScore, ...]

    @property
    def mean_precision(self) -> float:
        """mAP: mean over classes and thresholds."""
        return mean(score.mean_precision for score in self.classes)

    def mean_precision_at(self, threshold: float) -> float:
        """Mean over the classes at one threshold."""
        return mean(score.precisions[threshold] for score in self.classes)

    def mean_error(self, name: str) -> float:
        """Mean of the error `name` over the classes."""
        return mean(score.errors[name] for score in self.classes)


@dataclass(frozen=True, eq=False)
class Score:
    """overall: everything from the nearest to the farthest bound of the bands. bands: each as configured."""

    frames: int
    overall: BandScore
    bands: tuple[BandScore, ...]


def score(frames: Sequence[Frame], predictions: Sequence[Predictions], classes: Sequence[str], rules: Rules) -> Score:
    """Judge `predictions[i]` against the annotated instances of `frames[i]`.

    Raises EvaluateError when a predicted box is not a box: not finite, or of a size that is not positive.
    """
    for frame, rows in zip(frames, predictions, strict=True):
        _check(frame, rows)
    truth, predicted = truth_of(frames), predicted_of(frames, predictions)

    def band(low: float, high: float) -> BandScore:
        near, seen = truth.within(low, high), predicted.within(low, high)
        one = (
            _score_class(name, near.take(near.labels == i), seen.take(seen.labels == i), rules)
            for i, name in enumerate(classes)
        )
        return BandScore(low, high, tuple(one))

    overall = band(min(low for low, _ in rules.bands), max(high for _, high in rules.bands))
    bands = (overall if (low, high) == (overall.low, overall.high) else band(low, high) for low, high in rules.bands)
    return Score(len(frames), overall, tuple(bands))


def mean(values: Iterable[float]) -> float:
    """Mean of the values that are known; NaN when none is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _score_class(name: str, truth: Boxes, predicted: Boxes, rules: Rules) -> ClassScore:
    counts = len(truth), len(predicted)
    if not len(truth):
        nothing = dict.fromkeys(rules.thresholds, math.nan), dict.fromkeys(ERRORS, math.nan)
        return ClassScore(name, *counts, *nothing, curves={})
    period = math.pi if name in rules.symmetric else 2 * math.pi
    curves = {t: curve_of(truth, predicted, t, period) for t in {*rules.thresholds, rules.error_threshold}}
    found = curves[rules.error_threshold]
    return ClassScore(
        name,
        *counts,
        {t: average_precision(curves[t], rules.min_recall, rules.min_precision) for t in rules.thresholds},
        {error: mean_error(found, error, rules.min_recall) for error in ERRORS},
        {t: curves[t] for t in rules.thresholds},
    )


def _check(frame: Frame, rows: Predictions) -> None:
    if not (np.isfinite(rows.boxes).all() and np.isfinite(rows.scores).all() and (rows.boxes[:, 3:6] > 0).all()):
        raise EvaluateError(
            f"{frame.lidar_path}: the model predicts a box that is not finite or has no size; its training diverged"
        )
