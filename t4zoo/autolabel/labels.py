"""The labels of one scene: boxes that are kept, who said them, and which object each is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.boxes import ID, BoxTable, Ids
from t4zoo.info import Array, Frame


@dataclass(frozen=True, eq=False)
class Labels:
    """N boxes of one scene's frames.

    said: (N, M) the score that each of the ensemble's M models gave the box, NaN where it did not find it.
    num_lidar_pts: (N,) points inside, counted in the frame's own cloud; -1 until they are.
    tracks: (N,) uuid bytes of the object that each box is; all zero until tracked: then each box is an object.
    """

    boxes: BoxTable
    said: Array
    num_lidar_pts: NDArray[np.int64]
    tracks: Ids

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Labels:
        """The boxes that a mask or rising row numbers select; the frames stay."""
        return Labels(self.boxes.take(rows), self.said[rows], self.num_lidar_pts[rows], self.tracks[rows])

    @staticmethod
    def of(boxes: BoxTable, said: Array) -> Labels:
        """Boxes that are neither counted nor tracked."""
        return Labels(boxes, said, np.full(len(boxes), -1), np.zeros(len(boxes), ID))


@dataclass(frozen=True, eq=False)
class SceneLabels:
    """One scene: its frames by time, which hold no boxes, and what is labelled in them, frame by frame."""

    frames: tuple[Frame, ...]
    labels: Labels
