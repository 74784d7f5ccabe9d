"""Links between a box and the next one of the same object; those of two passes made one, and chains of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.tracking.assignment import matching
from t4zoo.info import Array

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Links:
    """L links between boxes. earlier, later: (L,) their rows, each at most once in either.

    benefits: (L,) how sure each is, more than 0.
    """

    earlier: Rows
    later: Rows
    benefits: Array

    def take(self, rows: NDArray[np.bool_] | Rows) -> Links:
        """Some of them."""
        return Links(self.earlier[rows], self.later[rows], self.benefits[rows])

    @staticmethod
    def of(parts: list[Links]) -> Links:
        """Those of all parts."""
        return Links(
            np.concatenate([links.earlier for links in parts]),
            np.concatenate([links.later for links in parts]),
            np.concatenate([links.benefits for links in parts]),
        )


def agreed(forward: Links, backward: Links, boxes: int) -> Links:
    """What two passes say together: what both say holds; of the rest, what leaves the largest sum of benefits.

    boxes: how many there are. docs/decisions/two-passes-one-track.md has the reasons.
    """
    both = np.isin(forward.earlier * boxes + forward.later, backward.earlier * boxes + backward.later)
    certain = forward.take(both)
    rest = Links.of([forward, backward])
    rest = rest.take(~np.isin(rest.earlier, certain.earlier) & ~np.isin(rest.later, certain.later))
    return Links.of([certain, rest.take(matching(rest.earlier, rest.later, rest.benefits))])


def chains(links: Links, starts: Rows) -> Rows:
    """(N,) the row of the first box of each box's object. starts: the first row of each frame, and N at the end."""
    first = np.arange(int(starts[-1]))
    before = first.copy()
    before[links.later] = links.earlier
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        first[begin:end] = first[before[begin:end]]
    return first
