"""Boxes of several tables put on one list of frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from t4zoo.boxes import BoxTable


def arrange(boxes: BoxTable, frames: NDArray[np.int64], count: int) -> BoxTable:
    """The same boxes as those of `count` frames, `frames[i]` being that of box i; a frame's boxes keep their order."""
    order = np.argsort(frames, kind="stable")
    return BoxTable(
        np.searchsorted(frames[order], np.arange(count + 1)),
        boxes.boxes[order],
        boxes.velocities[order],
        boxes.labels[order],
        boxes.scores[order],
        boxes.ids[order],
    )


def pool(tables: Sequence[BoxTable]) -> tuple[BoxTable, NDArray[np.int64]]:
    """All boxes of tables of the same frames, and (N,) the table of each: by frame, then table, then as they were."""
    first = tables[0]
    if len(tables) == 1:
        return first, np.zeros(len(first), dtype=np.int64)
    together = BoxTable(
        first.starts,  # of no meaning until arranged
        *(np.concatenate([getattr(table, name) for table in tables]) for name in _COLUMNS),
    )
    frames = np.concatenate([table.frames for table in tables])
    models = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    return arrange(together, frames, len(first.starts) - 1), models[np.argsort(frames, kind="stable")]


_COLUMNS = ("boxes", "velocities", "labels", "scores", "ids")
