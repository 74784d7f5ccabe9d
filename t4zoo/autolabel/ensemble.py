"""One set of boxes from those of several models, by non-maximum suppression or by weighted box fusion.

The suppression has the semantics of AWML's NMSEnsembleModel. Two rules that it leaves open: of two boxes with the same
weighted score the one of the earlier model wins, then the earlier box; and what is left keeps its order, by frame, then
model, then as the model gave it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.fusion import fuse
from t4zoo.autolabel.labels import Labels
from t4zoo.autolabel.overlap import overlapping
from t4zoo.autolabel.pool import pool
from t4zoo.autolabel.rules import Ensemble
from t4zoo.autolabel.suppress import contest
from t4zoo.boxes import BoxTable


def merge(tables: Sequence[BoxTable], classes: Sequence[str], ensemble: Ensemble) -> Labels:
    """What the models together say of one scene; `tables[i]` are the boxes of `ensemble.models[i]` in its frames.

    All labels index `classes`. One model's boxes stay as they are. Of several models, the boxes of each label group
    compete by score x weight, boxes of one model among themselves too, and classes of no group are dropped. With `nms`
    the winners are unchanged, the scores included; with `wbf` each becomes the mean of what it won against.
    """
    boxes, models = pool(tables)
    if len(tables) == 1:
        return Labels.of(boxes, boxes.scores[:, None].copy())
    groups = group_of(classes, ensemble)[boxes.labels]
    grouped = groups >= 0
    boxes, models, groups = boxes.take(grouped), models[grouped], groups[grouped]
    blocks = boxes.frames * len(ensemble.label_groups) + groups
    pairs = overlapping(boxes.boxes, blocks, ensemble.iou_threshold)
    strength = boxes.scores * np.array([model.weight for model in ensemble.models])[models]
    outcome = contest(pairs, strength)
    if ensemble.merge.kind == "wbf":
        return fuse(boxes, models, outcome, classes, ensemble)
    said = np.full((len(boxes), len(tables)), np.nan)
    said[np.arange(len(boxes)), models] = boxes.scores
    return Labels.of(boxes.take(outcome.stays), said[outcome.stays])


def group_of(classes: Sequence[str], ensemble: Ensemble) -> NDArray[np.int64]:
    """(len(classes),) the label group of each class, -1 for a class of none."""
    groups = {name: index for index, group in enumerate(ensemble.label_groups) for name in group}
    return np.array([groups.get(name, -1) for name in classes], dtype=np.int64)
