import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.models.BEVFusion.coder import ROWS, Coder

CODER = Coder((-16.0, -8.0), (0.25, 0.125), 4)
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


def test_the_rows_are_those_that_autoware_reads():
    boxes = tensor([1.25, 2.1, 0.5, 4.0, 2.0, 1.5, 0.3])
    row = dict(zip(ROWS, CODER.encode(boxes, tensor([1.0, -1.0]))[0].tolist(), strict=True))
    assert row["x"] * 4 * 0.25 - 16.0 == pytest.approx(1.25)
    assert row["y"] * 4 * 0.125 - 8.0 == pytest.approx(2.1)
    assert row["z"] == 0.5
    assert [math.exp(row[name]) for name in ("log_l", "log_w", "log_h")] == pytest.approx([4.0, 2.0, 1.5])
    assert math.atan2(row["sin"], row["cos"]) == pytest.approx(0.3)
    assert (row["vx"], row["vy"]) == (1.0, -1.0)
