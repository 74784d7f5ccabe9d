"""Which of several possible pairs hold together, when nothing may be in two pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from t4zoo.info import Array

Rows = NDArray[np.int64]


def matching(rows: Rows, columns: Rows, benefits: Array) -> NDArray[np.bool_]:
    """(P,) which of P pairs hold, so that the sum of their benefits, all positive, is the largest.

    Pairs that compete with no other hold at once; the others by the Hungarian method, each cluster for itself.
    """
    rows, columns = _numbered(rows), _numbered(columns)
    hold: NDArray[np.bool_] = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    contested = np.flatnonzero(~hold)
    if len(contested):
        hold[contested] = _of_each_cluster(rows[contested], columns[contested], benefits[contested])
    return hold


def _numbered(values: Rows) -> Rows:
    numbers: Rows = np.unique(values, return_inverse=True)[1]
    return numbers


def _of_each_cluster(rows: Rows, columns: Rows, benefits: Array) -> NDArray[np.bool_]:
    """(P,) which pairs hold; no two clusters of them share a row or a column.

    Most clusters have one row or one column, of which the best pair holds: the first of equal ones, as in the others.
    """
    cluster = _clusters(rows, columns)
    order = np.lexsort((columns, rows, -benefits, cluster))
    starts = np.flatnonzero(np.diff(cluster[order], prepend=-1))
    rows, columns = (_numbered_within(cluster[order], ends[order], starts) for ends in (rows, columns))
    held = np.zeros(len(order), dtype=bool)
    held[order[starts]] = True
    several = (np.maximum.reduceat(rows, starts) > 0) & (np.maximum.reduceat(columns, starts) > 0)
    ends = np.append(starts[1:], len(order))
    for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
        held[order[start:end]] = _hungarian(rows[start:end], columns[start:end], benefits[order[start:end]])
    return held


def _clusters(rows: Rows, columns: Rows) -> Rows:
    """(P,) numbers from 0 on, equal for pairs that are connected: each takes the least of its row's and column's."""
    cluster = rows
    while not np.array_equal(cluster, spread := _least(columns, _least(rows, cluster))):
        cluster = spread
    return _numbered(cluster)


def _least(ends: Rows, values: Rows) -> Rows:
    """(P,) of each pair the least value of those with the same end."""
    least = np.full(int(ends.max()) + 1, values.max())
    np.minimum.at(least, ends, values)
    return least[ends]


def _numbered_within(cluster: Rows, ends: Rows, starts: Rows) -> Rows:
    """(P,) numbers of the rows or columns, from 0 on in each cluster, in their order. cluster: (P,) rising."""
    numbers = _numbered(cluster * (int(ends.max()) + 1) + ends)
    return numbers - np.minimum.reduceat(numbers, starts)[cluster]


def _hungarian(rows: Rows, columns: Rows, benefits: Array) -> NDArray[np.bool_]:
    table = np.zeros((int(rows.max()) + 1, int(columns.max()) + 1))
    table[rows, columns] = benefits
    partner = np.full(len(table), -1)
    chosen, partners = linear_sum_assignment(table, maximize=True)
    partner[chosen] = partners
    held: NDArray[np.bool_] = partner[rows] == columns
    return held
