import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box as rectangle

from t4zoo.models.common.targets import around, draw_heatmap, gaussian_focal_loss, gaussian_radius

size = st.floats(0.5, 30.0)


@settings(deadline=None)
@given(size, size, st.sampled_from([0.1, 0.3, 0.7]))
def test_a_box_moved_by_the_radius_still_overlaps_enough(length, width, min_overlap):
    radius = float(gaussian_radius(torch.tensor([[length, width]], dtype=torch.float64), min_overlap))
    whole = rectangle(0, 0, length, width)
    for other in (
        rectangle(radius, radius, length + radius, width + radius),
        rectangle(radius, radius, length - radius, width - radius),
        rectangle(-radius, -radius, length + radius, width + radius),
    ):
        overlap = whole.intersection(other).area / whole.union(other).area
        assert overlap >= min_overlap - 1e-6


def test_the_radius_is_the_largest_such():
    radius = float(gaussian_radius(torch.tensor([[4.0, 2.0]], dtype=torch.float64), 0.5))
    overlaps = []
    for step in (radius, 1.01 * radius):
        moved, shrunk = (4 - step) * (2 - step), (4 - 2 * step) * (2 - 2 * step)
        overlaps.append(min(moved / (16 - moved), shrunk / 8, 8 / ((4 + 2 * step) * (2 + 2 * step))))
    assert overlaps[0] == pytest.approx(0.5)
    assert overlaps[1] < 0.5


def test_a_heatmap_is_the_highest_gaussian_of_its_class_cell_by_cell():
    cells = torch.tensor([[2, 3], [4, 3], [0, 7], [5, 5]])
    radii, labels = torch.tensor([2.0, 1.0, 3.0, 2.0]), torch.tensor([0, 0, 0, 2])
    heatmap = draw_heatmap(cells, radii, labels, 3, (8, 9))
    for label in range(3):
        for y in range(8):
            for x in range(9):
                expected = 0.0
                for (cx, cy), radius, own in zip(cells.tolist(), radii.tolist(), labels.tolist(), strict=True):
                    if own == label and max(abs(x - cx), abs(y - cy)) <= radius:
                        sigma = (2 * radius + 1) / 6
                        value = math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
                        expected = max(expected, value)
                assert float(heatmap[label, y, x]) == pytest.approx(expected, abs=1e-6)
    assert torch.equal(heatmap[[0, 0, 0, 2], cells[:, 1], cells[:, 0]], torch.ones(4))


def test_a_frame_without_objects_has_an_empty_heatmap():
    none = torch.zeros(0)
    assert not draw_heatmap(torch.zeros(0, 2, dtype=torch.long), none, none.long(), 3, (4, 4)).any()


def test_the_cells_around_an_object_end_at_the_border_of_the_map():
    row, cells = around(torch.tensor([[0, 0], [2, 2]]), 1, (4, 4))
    assert row.tolist() == [0] * 4 + [1] * 9
    assert sorted(map(tuple, cells[:4].tolist())) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_the_focal_loss_is_small_where_the_answer_is_right_and_finite_where_it_is_surely_wrong():
    heatmap = torch.tensor([1.0, 0.0, 0.5])
    right = gaussian_focal_loss(torch.tensor([9.0, -9.0, -9.0]), heatmap)
    wrong = gaussian_focal_loss(torch.tensor([-200.0, 200.0, 200.0]), heatmap)
    assert right < 1e-3
    assert 200 < wrong < 1000
    assert wrong.isfinite()
    # Near an object a miss costs less: (1 - 0.5)^4 of what it costs elsewhere.
    logit = torch.tensor([1.0])
    near, far = (gaussian_focal_loss(logit, torch.tensor([value])) for value in (0.5, 0.0))
    assert float(near / far) == pytest.approx(0.5**4)
