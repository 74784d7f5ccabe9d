"""mmdet3d's boxes become ours."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from t4zoo.models.foreign.boxes import PredictionError, boxes_of
from tests.models.foreign.elsewhere.parrot.structures import UndersideBoxes


def sample(rows: list[list[float]], scores: list[float], labels: list[int]) -> SimpleNamespace:
    boxes = UndersideBoxes(torch.tensor(rows))
    found = SimpleNamespace(bboxes_3d=boxes, scores_3d=torch.tensor(scores), labels_3d=torch.tensor(labels))
    return SimpleNamespace(pred_instances_3d=found)


def test_the_middle_of_the_underside_becomes_the_centre_and_the_surest_comes_first():
    rows = [[1.0, 2.0, -1.0, 4.5, 1.8, 1.6, 0.5, 3.0, 0.0], [5.0, 6.0, 0.0, 0.7, 0.6, 2.0, -0.5, 0.0, 1.0]]
    (found,) = boxes_of([sample(rows, [0.2, 0.9], [0, 4])], "x")
    torch.testing.assert_close(found.boxes[0], torch.tensor([5.0, 6.0, 1.0, 0.7, 0.6, 2.0, -0.5]))
    torch.testing.assert_close(found.boxes[1], torch.tensor([1.0, 2.0, -0.2, 4.5, 1.8, 1.6, 0.5]))
    assert found.velocities.tolist() == [[0.0, 1.0], [3.0, 0.0]]
    assert found.labels.tolist() == [4, 0]
    assert found.scores.tolist() == pytest.approx([0.9, 0.2])


def test_a_turn_more_is_the_same_yaw():
    row = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.25 + 2 * math.pi]
    (found,) = boxes_of([sample([row], [0.5], [0])], "x")
    assert found.boxes[0, 6].item() == pytest.approx(0.25, abs=1e-6)


def test_boxes_without_velocity_say_that_it_is_unknown():
    (found,) = boxes_of([sample([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]], [0.5], [0])], "x")
    assert found.velocities.isnan().all() and found.velocities.shape == (1, 2)


def test_no_boxes_are_no_boxes():
    empty = SimpleNamespace(
        bboxes_3d=UndersideBoxes(torch.zeros(0, 9)),
        scores_3d=torch.zeros(0),
        labels_3d=torch.zeros(0, dtype=torch.long),
    )
    (found,) = boxes_of([SimpleNamespace(pred_instances_3d=empty)], "x")
    assert found.boxes.shape == (0, 7) and found.velocities.shape == (0, 2)


def test_a_model_without_3d_boxes_is_sent_to_its_own_evaluator():
    with pytest.raises(PredictionError, match=r"foreign\.judge=config"):
        boxes_of([SimpleNamespace(pred_instances=[])], "YOLOX/tiny")


def test_boxes_that_do_not_say_where_their_centre_is_are_refused():
    found = SimpleNamespace(bboxes_3d=torch.zeros(1, 7), scores_3d=torch.ones(1), labels_3d=torch.zeros(1))
    with pytest.raises(PredictionError, match="are Tensor, and no boxes of mmdet3d"):
        boxes_of([SimpleNamespace(pred_instances_3d=found)], "x")
