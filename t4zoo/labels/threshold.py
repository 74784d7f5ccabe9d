"""The least score from which on the boxes are as right as wanted."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from t4zoo.info import Array

CLOSE = 0.01


def least_score(scores: Array, hits: NDArray[np.bool_], precision: float) -> float | None:
    """The least of the (N,) scores such that among boxes with at least it, a share of `precision` or more are hits.

    None where no score reaches it. Higher scores may fall short of it: then more labels of the same worth are left.
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    shares = np.cumsum(hits[order]) / np.arange(1, len(scores) + 1)
    last = np.append(falling[1:] != falling[:-1], True)[: len(scores)]  # of equal scores: all or none are left
    reached = np.flatnonzero(last & (shares >= precision))
    return float(falling[reached[-1]]) if len(reached) else None


def short_score(score: float, scores: Array) -> float:
    """The number with the fewest decimals, at most `score`, that leaves the same of the boxes with these scores.

    Where it is the least of all, nobody knows what a lower threshold would let in: the number is then close to it.
    """
    lower = scores[scores < score]
    below = float(lower.max()) if len(lower) else score - CLOSE
    for decimals in range(1, 16):
        rounded: float = math.floor(score * 10**decimals) / 10**decimals
        if below < rounded <= score:
            return rounded
    return score
