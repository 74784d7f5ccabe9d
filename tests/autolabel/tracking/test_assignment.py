"""Which pairs hold: never two of one row, and never less than the best."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.autolabel.tracking.assignment import matching

Pair = tuple[int, int]
pairs_of = st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 5)), st.integers(1, 50), max_size=9)


def columns(pairs: dict[Pair, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ends = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    return ends[:, 0] * 7, ends[:, 1] + 100, np.array(list(pairs.values()), dtype=np.float64)


def apart(pairs: tuple[Pair, ...]) -> bool:
    return len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)


@settings(max_examples=150, deadline=None)
@given(pairs_of)
def test_the_sum_is_the_largest_that_disjoint_pairs_have(pairs: dict[Pair, int]) -> None:
    hold = matching(*columns(pairs))
    chosen = tuple(pair for pair, holds in zip(pairs, hold, strict=True) if holds)
    assert apart(chosen)
    every = (some for count in range(len(pairs) + 1) for some in combinations(pairs, count) if apart(some))
    assert sum(pairs[pair] for pair in chosen) == max(sum(pairs[pair] for pair in some) for some in every)


@given(pairs_of, st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_is_no_matter(pairs: dict[Pair, int], random: object) -> None:
    mixed = list(pairs.items())
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one = dict(zip(pairs, matching(*columns(pairs)).tolist(), strict=True))
    other = dict(zip(dict(mixed), matching(*columns(dict(mixed))).tolist(), strict=True))
    assert one == other
