"""One set of boxes from those of several models by non-maximum suppression: the semantics of AWML's NMSEnsembleModel.

Two rules that AWML leaves open: of two boxes with the same weighted score the one of the earlier model wins, then the
earlier box; and what is left keeps its order, by model and then as the model gave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.overlap import overlapping
from t4zoo.autolabel.rules import Ensemble
from t4zoo.info import Predictions


@dataclass(frozen=True, eq=False)
class Labels:
    """The boxes of one frame. models: (N,) index of the model, in the ensemble's order, that predicted each."""

    boxes: Predictions
    models: NDArray[np.int64]


def merge(frame: Sequence[Predictions], classes: Sequence[str], ensemble: Ensemble) -> Labels:
    """What the models together say of one frame; `frame[i]` are the boxes of `ensemble.models[i]`.

    All labels index `classes`. One model's boxes stay as they are. Of several models, the boxes of each label group
    compete by score x weight, boxes of one model among themselves too; the winners are unchanged, the scores included.
    """
    pool = concatenate(frame)
    models = np.repeat(np.arange(len(frame)), [len(rows) for rows in frame])
    if len(frame) == 1:
        return Labels(pool, models)
    strength = pool.scores * np.array([model.weight for model in ensemble.models])[models]
    kept = np.zeros(len(pool), dtype=bool)
    for group in ensemble.label_groups:
        rows = np.flatnonzero(np.isin(pool.labels, [i for i, name in enumerate(classes) if name in group]))
        kept[rows[_winners(pool.boxes[rows], strength[rows], ensemble.iou_threshold)]] = True
    return Labels(pool.take(kept), models[kept])


def concatenate(parts: Sequence[Predictions]) -> Predictions:
    """All rows of `parts`, one after the other."""
    parts = [Predictions.empty(), *parts]
    return Predictions(
        np.concatenate([rows.boxes for rows in parts]),
        np.concatenate([rows.velocities for rows in parts]),
        np.concatenate([rows.labels for rows in parts]),
        np.concatenate([rows.scores for rows in parts]),
        tuple(name for rows in parts for name in rows.ids),
    )


def _winners(boxes: NDArray[np.float64], strength: NDArray[np.float64], iou_threshold: float) -> NDArray[np.bool_]:
    """(N,) which boxes stay when, from the strongest on, each that stays removes those that it overlaps."""
    partners = overlapping(boxes, iou_threshold)
    stays = np.ones(len(boxes), dtype=bool)
    for row in np.argsort(-strength, kind="stable").tolist():
        if stays[row]:
            stays[partners[row]] = False
    return stays
