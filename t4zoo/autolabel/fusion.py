"""Weighted box fusion: an object's box is the mean of all that models said of it, weighted by score x model weight.

Source: Solovyev, Wang and Gabruseva, "Weighted boxes fusion", Image and Vision Computing 107, 2021. Three choices for
boxes with a heading, and for results that do not depend on an order:
- A cluster is a winner of the suppression and the boxes that it removed; one that several overlap belongs to the one
  that it overlaps most. In the paper a box is compared with the mean so far.
- A score is the weighted mean of each model's best, instead of all boxes' mean, cut by the number of models.
- Headings that differ by half a turn mean the same outline, so each is turned to the strongest's side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.labels import Labels
from t4zoo.autolabel.rules import Ensemble
from t4zoo.autolabel.suppress import Contest
from t4zoo.boxes import BoxTable

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


def fuse(boxes: BoxTable, models: Rows, contest: Contest, classes: Sequence[str], ensemble: Ensemble) -> Labels:
    """One box for each that stays in the contest, with its id, in its place. models: (N,) who found each box.

    With weights w_i, score x model weight of the boxes of a cluster, and h the strongest of them:
    centre, size and velocity = sum(w_i x_i) / sum(w_i), velocities over the boxes that know one;
    yaw = yaw_h + atan2(sum(w_i sin d_i), sum(w_i cos d_i)) with d_i = yaw_i - yaw_h, brought within a quarter turn;
    class = that with the largest sum of w_i, of equal ones the strongest's, else the earlier;
    score = sum(v_m s_m) / sum(v_m) over models, v_m their weights, s_m the best score that each gave to the cluster. A
    model that gave none counts with s_m = 0 where `missing_models` is `zero` and it uses the class, otherwise not.
    """
    heads = np.flatnonzero(contest.stays)
    cluster = _clusters(contest)
    weights = _weights(contest.strength, cluster, heads)
    labels = _vote(boxes.labels, weights, cluster, heads, len(classes))
    said = _said(boxes.scores, models, cluster, (len(heads), len(ensemble.models)))
    fused = BoxTable(
        np.searchsorted(heads, boxes.starts),
        np.column_stack(
            [_mean(boxes.boxes[:, :6], weights, cluster, heads), _yaw(boxes.boxes[:, 6], weights, cluster, heads)]
        ),
        _mean(boxes.velocities, weights, cluster, heads),
        labels,
        _score(said, labels, classes, ensemble),
        boxes.ids[heads],
    )
    return Labels.of(fused, said)


def _clusters(contest: Contest) -> Rows:
    """(N,) the cluster of each box, numbered as the winners stand."""
    number = np.cumsum(contest.stays) - 1
    joined = contest.stays[contest.stronger] & ~contest.stays[contest.weaker]
    stronger, weaker, share = contest.stronger[joined], contest.weaker[joined], contest.share[joined]
    order = np.lexsort((stronger, -contest.strength[stronger], -share, weaker))
    losers, first = np.unique(weaker[order], return_index=True)
    cluster: Rows = number.copy()
    cluster[losers] = number[stronger[order][first]]
    return cluster


def _weights(strength: Array, cluster: Rows, heads: Rows) -> Array:
    """(N,) the weights of the boxes; where all scores of a cluster are 0, its strongest stands alone."""
    alone = np.zeros(len(strength))
    alone[heads] = 1.0
    return np.where(np.bincount(cluster, strength, len(heads))[cluster] > 0, strength, alone)


def _mean(values: Array, weights: Array, cluster: Rows, heads: Rows) -> Array:
    """(H, D) weighted means of the known of (N, D) values; NaN where none is. Equal values give just that value."""
    known = ~np.isnan(values)
    base = np.nan_to_num(values[heads])
    offsets = np.where(known, values - base[cluster], 0.0) * weights[:, None]
    count, columns = len(heads), range(values.shape[1])
    sums = np.column_stack([np.bincount(cluster, offsets[:, i], count) for i in columns])
    totals = np.column_stack([np.bincount(cluster, weights * known[:, i], count) for i in columns])
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Array = np.where(totals > 0, base + sums / totals, np.nan)
    return means


def _yaw(yaw: Array, weights: Array, cluster: Rows, heads: Rows) -> Array:
    apart = yaw - yaw[heads][cluster]
    sin, cos = np.sin(apart), np.cos(apart)
    side = np.where(cos < 0, -1.0, 1.0)
    sums = (np.bincount(cluster, weights * side * part, len(heads)) for part in (sin, cos))
    mean: Array = yaw[heads] + np.arctan2(*sums)
    return mean


def _vote(labels: Rows, weights: Array, cluster: Rows, heads: Rows, classes: int) -> Rows:
    votes = np.bincount(cluster * classes + labels, weights, len(heads) * classes).reshape(len(heads), classes)
    own = labels[heads]
    return np.where(votes[np.arange(len(heads)), own] == votes.max(axis=1, initial=0.0), own, votes.argmax(axis=1))


def _said(scores: Array, models: Rows, cluster: Rows, shape: tuple[int, int]) -> Array:
    said = np.full(shape, -np.inf)
    np.maximum.at(said, (cluster, models), scores)
    return np.where(np.isinf(said), np.nan, said)


def _score(said: Array, labels: Rows, classes: Sequence[str], ensemble: Ensemble) -> Array:
    weights = np.array([model.weight for model in ensemble.models])
    asked = ~np.isnan(said)
    if ensemble.merge.missing_models == "zero":
        uses = np.array([[name in model.use_label for model in ensemble.models] for name in classes])
        asked = asked | uses[labels]
    score: Array = (np.nan_to_num(said) * weights).sum(axis=1) / (asked * weights).sum(axis=1)
    return np.clip(score, 0.0, 1.0)
