import math

import pytest
import shapely
import shapely.affinity
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.models.common.assignment import Costs, assign, focal_loss, overlap

COSTS = Costs(classification=0.15, centre=0.05, overlap=0.25)
length = st.floats(0.3, 20.0)
box = st.tuples(
    st.floats(-16, 15.99), st.floats(-8, 7.99), st.floats(-3, 5), length, length, length,
    st.floats(-math.pi, math.pi),
)  # fmt: skip


def tensor(*rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def footprint(box) -> shapely.Polygon:
    x, y, _, length, width, _, yaw = box
    upright = shapely.box(x - length / 2, y - width / 2, x + length / 2, y + width / 2)
    return shapely.affinity.rotate(upright, yaw, use_radians=True)


@settings(deadline=None)
@given(box, box, st.integers(-2, 2))
def test_the_overlap_is_exact_where_boxes_stand_at_right_angles(first, second, quarters):
    second = (*second[:6], first[6] + quarters * math.pi / 2)
    areas = [footprint(one) for one in (first, second)]
    low = max(one[2] - one[5] / 2 for one in (first, second))
    high = min(one[2] + one[5] / 2 for one in (first, second))
    common = areas[0].intersection(areas[1]).area * max(high - low, 0.0)
    wanted = common / (areas[0].area * first[5] + areas[1].area * second[5] - common)
    assert overlap(tensor(first), tensor(second)).item() == pytest.approx(wanted, abs=1e-6)


def test_each_object_gets_the_query_that_stands_on_it_and_says_its_class():
    truth = tensor([0, 0, 0, 4, 2, 2, 0.0], [8, 0, 0, 4, 2, 2, 0.0], [8, 5, 0, 1, 1, 2, 0.0])
    boxes = truth[[2, 1, 0]] + 0.1
    logits = torch.full((3, 2), -2.0, dtype=torch.float64)
    rows, columns = assign(COSTS, logits, boxes, truth, torch.tensor([0, 0, 1]))
    assert dict(zip(rows.tolist(), columns.tolist(), strict=True)) == {0: 2, 1: 1, 2: 0}


def test_of_two_queries_at_one_place_the_one_that_says_the_class_answers():
    truth = tensor([0, 0, 0, 4, 2, 2, 0.0])
    logits = tensor([3.0, -3.0], [-3.0, 3.0])
    rows, _ = assign(COSTS, logits, truth.repeat(2, 1), truth, torch.tensor([1]))
    assert rows.tolist() == [1]


def test_of_two_queries_at_one_place_the_one_of_the_right_size_answers():
    truth = tensor([0, 0, 0, 4, 2, 2, 0.0])
    boxes = tensor([0, 0, 0, 2, 2, 2, 0.0], [0, 0, 0, 4, 2, 2, 0.0])
    rows, _ = assign(COSTS, torch.zeros(2, 1, dtype=torch.float64), boxes, truth, torch.tensor([0]))
    assert rows.tolist() == [1]


def test_how_far_centres_are_apart_is_counted_along_x_and_y():
    truth = tensor([0, 0, 0, 1, 1, 1, 0.0])
    boxes = tensor([3, 3, 0, 1, 1, 1, 0.0], [5, 0, 0, 1, 1, 1, 0.0])  # 6 and 5 m, as the crow flies 4.2 and 5
    rows, _ = assign(COSTS, torch.zeros(2, 1, dtype=torch.float64), boxes, truth, torch.tensor([0]))
    assert rows.tolist() == [1]


@pytest.mark.parametrize(("queries", "objects"), [(2, 5), (5, 2), (5, 0)])
def test_there_are_as_many_pairs_as_the_fewer_have(queries, objects):
    boxes, truth = torch.rand(queries, 7) + 1, torch.rand(objects, 7) + 1
    rows, columns = assign(COSTS, torch.zeros(queries, 3), boxes, truth, torch.zeros(objects, dtype=torch.long))
    assert len(rows) == len(columns) == min(queries, objects)
    assert len(set(rows.tolist())) == len(rows)
    assert len(set(columns.tolist())) == len(columns)


def test_a_box_that_has_grown_beyond_all_numbers_does_not_stop_the_pairing():
    truth = tensor([0, 0, 0, 4, 2, 2, 0.0])
    boxes = torch.cat([torch.full((1, 7), torch.inf, dtype=torch.float64), truth])
    rows, _ = assign(COSTS, torch.zeros(2, 1, dtype=torch.float64), boxes, truth, torch.tensor([0]))
    assert rows.tolist() == [1]


def test_the_focal_loss_is_that_of_its_paper():
    logits, wanted = tensor([0.3, -1.2]), tensor([1.0, 0.0])
    yes, no = (1 / (1 + math.exp(-value)) for value in (0.3, -1.2))
    by_hand = -0.25 * (1 - yes) ** 2 * math.log(yes) - 0.75 * no**2 * math.log(1 - no)
    assert focal_loss(logits, wanted).item() == pytest.approx(by_hand)
