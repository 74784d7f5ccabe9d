"""The threshold filter: which of a model's boxes are sure enough to be labels, as AWML's ThresholdFilter has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.rules import ModelRules
from t4zoo.errors import UsageError
from t4zoo.info import Predictions


def threshold(predictions: Predictions, classes: Sequence[str], rules: ModelRules) -> Predictions:
    """The boxes whose class is used and whose score is at least the class's threshold, in their order."""
    return predictions.take(predictions.scores >= least_scores(classes, rules)[predictions.labels])


def least_scores(classes: Sequence[str], rules: ModelRules) -> NDArray[np.float64]:
    """(len(classes),) the score from which on a box of each class is kept: infinite for a class that is not used.

    Raises UsageError when the model does not know a class that is used.
    """
    if unknown := [label for label in rules.use_label if label not in classes]:
        raise UsageError(
            f"{rules.name}: use_label names {', '.join(unknown)}, but the model knows {', '.join(classes)} only"
        )
    return np.array([rules.thresholds[name] if name in rules.use_label else np.inf for name in classes])
