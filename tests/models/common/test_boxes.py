import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.models.common.boxes import circle_nms


def kept_by_loop(centres, distance):
    kept = []
    for i, (x, y) in enumerate(centres):
        if all(math.hypot(x - centres[j][0], y - centres[j][1]) >= distance for j in kept):
            kept.append(i)
    return kept


# Sixteenths: their squares are exact, so that no rounding decides whether two boxes are just at the distance.
coordinate = st.integers(-48, 48).map(lambda value: value / 16)


@settings(deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), max_size=30), st.sampled_from([0.25, 0.5, 1.0, 2.0]))
def test_circle_suppression_keeps_what_a_plain_loop_keeps(centres, distance):
    found = circle_nms(torch.tensor(centres, dtype=torch.float32).reshape(-1, 2), distance)
    assert found.tolist() == kept_by_loop(centres, distance)


def test_boxes_exactly_at_the_distance_are_both_kept():
    centres = torch.tensor([[0.0, 0.0], [0.5, 0.0], [0.25, 0.0]])
    assert circle_nms(centres, 0.5).tolist() == [0, 1]
