"""The boxes of many frames as columns: what is thresholded, merged and tracked without a Python object a box."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.info import Array, Predictions

Ids = NDArray[np.void]  # (N,) of dtype V16: the 16 bytes of a uuid each
ID = np.dtype("V16")


@dataclass(frozen=True, eq=False)
class BoxTable:
    """N boxes of F consecutive frames, frame after frame, each in its own frame's lidar coordinates.

    starts: (F + 1,) the row with which each frame begins; the last is N.
    boxes: (N, 7) x, y, z of the centre, length, width, height [m], yaw about +z from +x [rad].
    velocities: (N, 2) vx, vy [m/s], NaN where unknown. labels: (N,) index of the class. scores: (N,) in 0..1.
    ids: (N,) uuids as bytes, stable between runs.
    """

    starts: NDArray[np.int64]
    boxes: Array
    velocities: Array
    labels: NDArray[np.int64]
    scores: Array
    ids: Ids

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def frames(self) -> NDArray[np.int64]:
        """(N,) the frame of each box."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> BoxTable:
        """The boxes that a mask or rising row numbers select; the frames stay, some with fewer boxes."""
        index = np.flatnonzero(rows) if rows.dtype == bool else rows
        return BoxTable(
            np.searchsorted(index, self.starts),
            self.boxes[index],
            self.velocities[index],
            self.labels[index],
            self.scores[index],
            self.ids[index],
        )

    def of_frame(self, frame: int) -> Predictions:
        """The boxes of one frame."""
        rows = slice(self.starts[frame], self.starts[frame + 1])
        ids = spelt(self.ids[rows])
        return Predictions(self.boxes[rows], self.velocities[rows], self.labels[rows], self.scores[rows], ids)

    @staticmethod
    def of(frames: Sequence[Predictions]) -> BoxTable:
        """The boxes of each frame, one frame after the other."""
        every = [Predictions.empty(), *frames]
        ids = b"".join(uuid.UUID(name).bytes for rows in frames for name in rows.ids)
        return BoxTable(
            np.cumsum([len(rows) for rows in every]),
            np.concatenate([rows.boxes for rows in every]),
            np.concatenate([rows.velocities for rows in every]),
            np.concatenate([rows.labels for rows in every]),
            np.concatenate([rows.scores for rows in every]),
            np.frombuffer(ids, dtype=ID),
        )


def spelt(ids: Ids) -> tuple[str, ...]:
    """The uuids as texts: as str(uuid.UUID(...)) spells each, in a tenth of its time."""
    digits = ids.tobytes().hex()
    names = (digits[start : start + 32] for start in range(0, len(digits), 32))
    return tuple(f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}" for name in names)
