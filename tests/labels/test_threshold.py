"""The least score that reaches a precision: on that truth it does, and no lower score of the list would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.labels.threshold import least_score, short_score

BOXES = st.lists(st.tuples(st.integers(0, 40).map(lambda n: n / 40), st.booleans()), max_size=40)


def precision(scores: np.ndarray, hits: np.ndarray, score: float) -> float:
    return float(hits[scores >= score].mean())


@given(BOXES, st.sampled_from([0.1, 0.5, 0.75, 0.9, 1.0]))
def test_the_suggested_threshold_reaches_the_precision_and_no_lower_score_would(boxes, wanted: float) -> None:
    scores = np.array([score for score, _ in boxes], dtype=np.float64)
    hits = np.array([hit for _, hit in boxes], dtype=bool)
    found = least_score(scores, hits, wanted)
    reaching = [score for score in scores if precision(scores, hits, score) >= wanted]
    assert found == (min(reaching) if reaching else None)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20), st.data())
def test_a_shortened_threshold_leaves_the_same_boxes(values: list[float], data: st.DataObject) -> None:
    scores = np.array(values)
    score = data.draw(st.sampled_from(values))
    shortened = short_score(score, scores)
    assert shortened <= score
    assert (scores >= shortened).tolist() == (scores >= score).tolist()


@pytest.mark.parametrize(
    ("score", "others", "short"),
    [(0.4372, [0.2, 0.9], 0.4), (0.4372, [0.41], 0.43), (0.4372, [0.4371], 0.4372), (1.0, [0.5], 1.0)],
)
def test_a_threshold_has_as_few_decimals_as_tell_it_apart(score: float, others: list[float], short: float) -> None:
    assert short_score(score, np.array([score, *others])) == short


def test_a_threshold_of_the_least_score_of_all_stays_close_to_it() -> None:
    assert short_score(0.0512, np.array([0.0512, 0.9])) == 0.05
    assert short_score(0.5, np.array([0.5])) == 0.5


def test_boxes_of_one_score_are_left_or_dropped_together() -> None:
    scores, hits = np.array([0.9, 0.5, 0.5]), np.array([True, True, False])
    assert least_score(scores, hits, 1.0) == 0.9
    assert least_score(scores, hits, 0.6) == 0.5


def test_without_boxes_there_is_no_threshold() -> None:
    assert least_score(np.zeros(0), np.zeros(0, dtype=bool), 0.5) is None
