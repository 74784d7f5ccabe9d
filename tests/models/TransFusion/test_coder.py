import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.models.TransFusion.coder import Coder

CODER = Coder((-16.0, -8.0), (1.0, 0.5))
length = st.floats(0.3, 20.0)
box = st.tuples(
    st.floats(-16, 15.99), st.floats(-8, 7.99), st.floats(-3, 5), length, length, length,
    st.floats(-math.pi, math.pi),
)  # fmt: skip


def tensor(*rows) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


@settings(deadline=None)
@given(st.lists(box, min_size=1, max_size=5), st.tuples(st.floats(-20, 20), st.floats(-20, 20)))
def test_decoding_gives_back_what_was_encoded(rows, velocity):
    boxes, velocities = tensor(*rows), tensor(*[velocity] * len(rows))
    decoded, moved = CODER.decode(CODER.encode(boxes, velocities))
    torch.testing.assert_close(decoded[:, :6], boxes[:, :6], atol=1e-9, rtol=1e-9)
    turn = decoded[:, 6] - boxes[:, 6]
    assert torch.atan2(turn.sin(), turn.cos()).abs().max() < 1e-9
    torch.testing.assert_close(moved, velocities)


def test_the_numbers_are_those_that_autoware_reads():
    # postprocess_kernel.cu: x = centre * 4 * voxel + min, (l, w, h) = exp(dim), yaw = atan2(rot0, rot1).
    boxes = tensor([1.25, 2.1, 0.5, 4.0, 2.0, 1.5, 0.3])
    numbers = CODER.encode(boxes, tensor([1.0, -1.0]))[0].tolist()
    centre, (height,), dim, rot, velocity = numbers[:2], numbers[2:3], numbers[3:6], numbers[6:8], numbers[8:]
    assert [1.0 * centre[0] - 16.0, 0.5 * centre[1] - 8.0, height] == pytest.approx([1.25, 2.1, 0.5])
    assert [math.exp(value) for value in dim] == pytest.approx([4.0, 2.0, 1.5])  # length, width, height
    assert math.atan2(*rot) == pytest.approx(0.3)
    assert velocity == [1.0, -1.0]
