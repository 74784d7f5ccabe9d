import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.models.CenterPoint.coder import Coder

CODER = Coder((-16.0, -8.0), (1.0, 0.5))
NEAR_PI = st.sampled_from([math.pi, -math.pi, math.pi - 1e-7, -math.pi + 1e-7, math.pi / 2, -math.pi / 2, 0.0])
length = st.floats(0.3, 20.0)
box = st.tuples(
    st.floats(-16, 15.99), st.floats(-8, 7.99), st.floats(-3, 5), length, length, length,
    st.one_of(NEAR_PI, st.floats(-math.pi, math.pi)),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(box, min_size=1, max_size=5), st.tuples(st.floats(-20, 20), st.floats(-20, 20)))
def test_decoding_gives_back_what_was_encoded(rows, velocity):
    boxes = torch.tensor(rows, dtype=torch.float64)
    velocities = torch.tensor([velocity] * len(rows), dtype=torch.float64)
    cells = CODER.cells(boxes)
    decoded, moved = CODER.decode(cells, CODER.encode(boxes, velocities, cells))
    torch.testing.assert_close(decoded[:, :6], boxes[:, :6], atol=1e-9, rtol=1e-9)
    turn = decoded[:, 6] - boxes[:, 6]
    assert torch.atan2(turn.sin(), turn.cos()).abs().max() < 1e-9
    assert ((decoded[:, 6] >= -math.pi) & (decoded[:, 6] <= math.pi)).all()
    torch.testing.assert_close(moved, velocities)


def test_the_numbers_are_those_that_autoware_reads():
    # postprocess_kernel.cu: (w, l, h) = exp(dim), yaw = atan2(rot0, rot1); ros_utils.cpp: yaw = -yaw - pi / 2.
    boxes = torch.tensor([[1.25, 2.0, 0.5, 4.0, 2.0, 1.5, 0.3]], dtype=torch.float64)
    cells = CODER.cells(boxes)
    assert cells.tolist() == [[17, 20]]
    values = CODER.encode(boxes, torch.tensor([[1.0, -1.0]], dtype=torch.float64), cells)[0].tolist()
    reg, (height,), dim, rot, velocity = values[:2], values[2:3], values[3:6], values[6:8], values[8:]
    assert [1.0 * (17 + reg[0]) - 16.0, 0.5 * (20 + reg[1]) - 8.0, height] == pytest.approx([1.25, 2.0, 0.5])
    assert [math.exp(value) for value in dim] == pytest.approx([2.0, 4.0, 1.5])  # width, length, height
    assert math.remainder(-math.atan2(*rot) - math.pi / 2 - 0.3, 2 * math.pi) == pytest.approx(0.0)
    assert velocity == [1.0, -1.0]


def test_a_neighbouring_cell_points_at_the_same_centre():
    boxes = torch.tensor([[1.25, 2.1, 0.5, 4.0, 2.0, 1.5, 0.3]])
    for step in ([1, 0], [0, -1], [-1, 1]):
        cells = CODER.cells(boxes) + torch.tensor([step])
        decoded, _ = CODER.decode(cells, CODER.encode(boxes, torch.zeros(1, 2), cells))
        torch.testing.assert_close(decoded, boxes)
