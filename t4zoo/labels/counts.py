"""How many boxes there are: by class, range band and score, without asking whether they are right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from t4zoo.evaluate.boxes import Boxes
from t4zoo.labels.settings import CUTS

BINS = 20  # of the histogram of scores, from 0 to 1


class Counts:
    """Counts of one subject's boxes, added scene by scene.

    total: (classes, bands) boxes. left: (classes, bands, cuts) boxes with at least each score of `CUTS`.
    histogram: (classes, BINS) boxes by score; the last bin holds 1 too.
    """

    def __init__(self, classes: Sequence[str], bands: Sequence[tuple[float, float]]) -> None:
        self.classes, self.bands = tuple(classes), tuple(bands)
        self.total: NDArray[np.int64] = np.zeros((len(classes), len(bands)), dtype=np.int64)
        self.left: NDArray[np.int64] = np.zeros((len(classes), len(bands), len(CUTS)), dtype=np.int64)
        self.histogram: NDArray[np.int64] = np.zeros((len(classes), BINS), dtype=np.int64)

    def add(self, boxes: Boxes) -> None:
        """Count the boxes of a scene; the first band is all that counts."""
        boxes = boxes.within(*self.bands[0])
        for band, (low, high) in enumerate(self.bands):
            near = boxes.within(low, high)
            self.total[:, band] += self._by_class(near.labels)
            for column, cut in enumerate(CUTS):
                self.left[:, band, column] += self._by_class(near.labels[near.scores >= cut])
        bins = np.minimum((boxes.scores * BINS).astype(np.int64), BINS - 1)
        np.add.at(self.histogram, (boxes.labels, bins), 1)

    def _by_class(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(labels, minlength=len(self.classes))
