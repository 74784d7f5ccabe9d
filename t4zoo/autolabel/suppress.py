"""Greedy suppression: from the strongest on, each box that stays removes those that it overlaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.overlap import Pairs

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Contest:
    """How N boxes fared. strength: (N,) what decides. stays: (N,) which boxes nothing removed.

    stronger, weaker, share: (P,) rows and overlap of each pair of boxes that compete.
    """

    strength: Array
    stays: NDArray[np.bool_]
    stronger: Rows
    weaker: Rows
    share: Array


def contest(pairs: Pairs, strength: Array) -> Contest:
    """Let the pairs compete; of equally strong boxes the earlier is the stronger."""
    second = strength[pairs.right] > strength[pairs.left]
    stronger, weaker = np.where(second, pairs.right, pairs.left), np.where(second, pairs.left, pairs.right)
    return Contest(strength, _winners(len(strength), stronger, weaker), stronger, weaker, pairs.share)


def _winners(count: int, stronger: Rows, weaker: Rows) -> NDArray[np.bool_]:
    """(count,) which rows stay, when every pair is a row and a weaker one that it would remove.

    All rows at once instead of one after the other: what nothing stronger can remove any more stays and removes its
    own. There are as many rounds as the longest chain of removals that depend on each other.
    """
    stays = np.ones(count, dtype=bool)
    while len(stronger):
        threatened = np.zeros(count, dtype=bool)
        threatened[weaker] = True
        stays[weaker[~threatened[stronger]]] = False
        rest = threatened[stronger] & stays[stronger] & stays[weaker]
        stronger, weaker = stronger[rest], weaker[rest]
    return stays
