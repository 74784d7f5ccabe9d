"""Which of several possible pairs hold together, when nothing may be in two pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from t4zoo.info import Array

Rows = NDArray[np.int64]


def matching(rows: Rows, columns: Rows, benefits: Array) -> NDArray[np.bool_]:
    """(P,) which of P pairs hold, so that the sum of their benefits, all positive, is the largest.

    Pairs that compete with no other hold at once; the others by the Hungarian method, each cluster for itself.
    """
    rows, columns = _numbered(rows), _numbered(columns)
    hold: NDArray[np.bool_] = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    contested = np.flatnonzero(~hold)
    for pairs in _clusters(rows, columns, contested):
        hold[pairs] = _hungarian(_numbered(rows[pairs]), _numbered(columns[pairs]), benefits[pairs])
    return hold


def _numbered(values: Rows) -> Rows:
    numbers: Rows = np.unique(values, return_inverse=True)[1]
    return numbers


def _clusters(rows: Rows, columns: Rows, pairs: Rows) -> list[Rows]:
    """The pairs, split so that no two parts share a row or a column."""
    if not len(pairs):
        return []
    height, width = int(rows.max()) + 1, int(columns.max()) + 1
    ends = (rows[pairs], height + columns[pairs])
    graph = coo_array((np.ones(len(pairs)), ends), shape=(height + width, height + width))
    cluster = connected_components(graph, directed=False)[1][rows[pairs]]
    order = np.argsort(cluster, kind="stable")
    return np.split(pairs[order], np.flatnonzero(np.diff(cluster[order])) + 1)


def _hungarian(rows: Rows, columns: Rows, benefits: Array) -> NDArray[np.bool_]:
    table = np.zeros((int(rows.max()) + 1, int(columns.max()) + 1))
    table[rows, columns] = benefits
    partner = np.full(len(table), -1)
    chosen, partners = linear_sum_assignment(table, maximize=True)
    partner[chosen] = partners
    held: NDArray[np.bool_] = partner[rows] == columns
    return held
