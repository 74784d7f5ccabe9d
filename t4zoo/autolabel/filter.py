"""The threshold filter: which of a model's boxes are sure enough to be labels, as AWML's ThresholdFilter has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.rules import ModelRules
from t4zoo.boxes import BoxTable


def threshold(boxes: BoxTable, classes: Sequence[str], rules: ModelRules) -> BoxTable:
    """The boxes whose class is used and whose score is at least the class's threshold, in their order."""
    return boxes.take(boxes.scores >= least_scores(classes, rules)[boxes.labels])


def least_scores(classes: Sequence[str], rules: ModelRules) -> NDArray[np.float64]:
    """(len(classes),) the score from which on a box of each class is kept: infinite for a class that is not used."""
    return np.array([rules.thresholds[name] if name in rules.use_label else np.inf for name in classes])
