import math

import numpy as np
import pytest

from t4zoo.augment.movement import Movement
from t4zoo.geometry import rotation_from_yaw
from tests.augment.frames import NO_MOVEMENT


@pytest.mark.parametrize(
    "options",
    [
        {"flip_x": 1.0},
        {"flip_y": 1.0},
        {"half_turn": 1.0},
        {"rotation": 3.0},
        {"scale": 0.2},
        {"flip_x": 1.0, "flip_y": 1.0, "half_turn": 1.0, "rotation": 3.0, "scale": 0.2},
    ],
)
def test_augmented_boxes_stay_on_their_points(options):
    move = Movement(**{**NO_MOVEMENT, **options})
    box = np.array([[5.0, -2.0, 0.5, 4.0, 2.0, 1.5, 0.7]])
    nose = box[0, :3] + rotation_from_yaw(0.7) @ [2.0, 1.0, 0.75]  # a corner in front on the left, on the top
    points = np.array([[*nose, 1.0, 0.0], [*box[0, :3], 1.0, 0.0]], dtype=np.float32)
    ahead = np.array([[math.cos(0.7), math.sin(0.7)]])
    moved, boxes, velocities = move(np.random.default_rng(3), points, box, ahead)
    assert not np.allclose(boxes, box)
    np.testing.assert_allclose(moved[1, :3], boxes[0, :3], atol=1e-5)
    inside = rotation_from_yaw(-boxes[0, 6]) @ (moved[0, :3] - boxes[0, :3])
    mirrored = (options.get("flip_x", 0) + options.get("flip_y", 0)) % 2
    np.testing.assert_allclose(inside / boxes[0, 3:6], [0.5, -0.5 if mirrored else 0.5, 0.5], atol=1e-5)
    assert math.atan2(velocities[0, 1], velocities[0, 0]) == pytest.approx(boxes[0, 6])
    assert -math.pi <= boxes[0, 6] < math.pi
    np.testing.assert_array_equal(box[0], [5.0, -2.0, 0.5, 4.0, 2.0, 1.5, 0.7])
