"""What two passes say together, and the chains that follow."""

from __future__ import annotations

import numpy as np

from t4zoo.autolabel.tracking.links import Links, agreed, chains

BOXES = 10


def links(*rows: tuple[int, int, float]) -> Links:
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Links(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2])


def pairs(forward: Links, backward: Links) -> set[tuple[int, int]]:
    found = agreed(forward, backward, BOXES)
    return set(zip(found.earlier.tolist(), found.later.tolist(), strict=True))


def test_what_both_passes_say_holds_against_any_benefit() -> None:
    assert pairs(links((0, 2, 1.0), (1, 3, 9.0)), links((0, 2, 1.0), (1, 3, 9.0))) == {(0, 2), (1, 3)}
    assert pairs(links((0, 2, 1.0)), links((0, 2, 1.0), (1, 3, 9.0))) == {(0, 2), (1, 3)}
    assert pairs(links((0, 2, 1.0), (1, 4, 9.0)), links((0, 2, 1.0), (3, 4, 99.0))) == {(0, 2), (3, 4)}


def test_what_one_pass_alone_says_holds_where_the_other_says_nothing() -> None:
    assert pairs(links((4, 6, 1.0)), links((0, 4, 1.0), (4, 6, 1.0))) == {(0, 4), (4, 6)}


def test_where_they_differ_the_larger_sum_wins() -> None:
    crossed, straight = links((0, 3, 5.0), (1, 2, 5.0)), links((0, 2, 6.0), (1, 3, 3.0))
    assert pairs(crossed, straight) == {(0, 3), (1, 2)}
    assert pairs(straight, crossed) == {(0, 3), (1, 2)}


def test_a_box_between_two_others_is_not_jumped_over() -> None:
    assert pairs(links((0, 5, 8.0)), links((0, 3, 6.0), (3, 5, 6.0))) == {(0, 3), (3, 5)}


def test_chains_are_named_by_their_first_box() -> None:
    starts = np.array([0, 3, 3, 6, BOXES])
    found = chains(links((0, 4, 1.0), (4, 9, 1.0), (2, 6, 1.0)), starts)
    assert found.tolist() == [0, 1, 2, 3, 0, 5, 2, 7, 8, 0]


def test_without_links_each_box_is_its_own() -> None:
    assert chains(links(), np.array([0, 2, 4])).tolist() == [0, 1, 2, 3]
    assert chains(links(), np.array([0, 0])).tolist() == []
