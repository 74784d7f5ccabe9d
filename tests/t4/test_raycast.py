import math

import numpy as np
import pytest

from t4zoo.geometry import rotation_from_euler, rotation_from_yaw
from t4zoo.t4 import raycast

UP = np.array([0.0, 0.0, 1.0])


def boxes(*rows) -> raycast.Boxes:
    """Rows of (centre, half edges, rotation)."""
    centres, halves, rotations = zip(*rows, strict=True)
    return raycast.Boxes(np.array(centres, dtype=float), np.array(halves, dtype=float), np.array(rotations))


FAR = boxes(((500.0, 0, 0), (1, 1, 1), np.eye(3)))


def test_a_level_ray_meets_the_face_of_a_box_at_its_distance():
    rays = raycast.directions(np.array([0.0]), 720)
    distance, hit = raycast.cast(rays, UP, -2.0, boxes(((10.0, 0, 0), (1, 2, 1), np.eye(3))))
    ahead = int(np.argmin(np.abs(raycast.azimuths_of(720))))
    assert hit[0, ahead] == 0
    assert distance[0, ahead] * rays[0, ahead, 0] == pytest.approx(9.0)
    assert hit[0, 0] == raycast.NOTHING
    assert math.isinf(distance[0, 0])


def test_a_falling_ray_meets_the_ground_and_a_rising_one_nothing():
    rays = raycast.directions(np.radians([-30.0, 30.0]), 8)
    distance, hit = raycast.cast(rays, UP, -2.0, FAR)
    assert (hit[0] == raycast.GROUND).all()
    np.testing.assert_allclose(distance[0], 4.0)
    assert (hit[1] == raycast.NOTHING).all()


def test_what_stands_in_front_hides_what_is_behind():
    rays = raycast.directions(np.radians(np.linspace(-10, 10, 21)), 360)
    near, far = ((5.0, 0, 0), (0.5, 2, 3), np.eye(3)), ((9.0, 0, 0), (0.5, 2, 3), np.eye(3))
    _, hit = raycast.cast(rays, UP, -2.0, boxes(far, near))
    assert (hit == 1).sum() > 100
    assert not (hit == 0).any()


def test_a_box_behind_the_seam_at_half_a_turn_is_seen_from_both_sides():
    rays = raycast.directions(np.array([0.0]), 360)
    _, hit = raycast.cast(rays, UP, -2.0, boxes(((-5.0, 0, 0), (1, 2, 1), np.eye(3))))
    assert hit[0, 0] == 0
    assert hit[0, -1] == 0


def test_culling_by_columns_changes_nothing():
    # Every box is also cast against all columns, by itself and without the shortcut.
    rng = np.random.default_rng(5)
    rays = raycast.directions(np.radians(np.linspace(-25, 10, 24)), 180)
    many = boxes(
        *((rng.normal(0, 8, 3), rng.uniform(0.1, 4, 3), rotation_from_euler(*rng.uniform(-3, 3, 3))) for _ in range(60))
    )
    distance, _ = raycast.cast(rays, UP, -2.0, many)
    everything = np.repeat(np.arange(60), 180)
    slow = raycast._slabs(rays[:, np.tile(np.arange(180), 60)], many, everything).reshape(24, 60, 180).min(axis=1)
    ground, _ = raycast.cast(rays, UP, -2.0, FAR)
    np.testing.assert_array_equal(distance, np.minimum(slow, ground))


def test_a_tilted_sensor_sees_the_same_distances():
    rotation = rotation_from_euler(0.05, -0.1, 1.3)
    rays = raycast.directions(np.radians([-20.0]), 90)
    box = ((6.0, 1.0, -1.0), (1.0, 1.0, 1.0), rotation_from_yaw(0.4))
    level, _ = raycast.cast(rays @ rotation.T, UP, -2.0, FAR)
    tilted, _ = raycast.cast(rays, rotation.T @ UP, -2.0, FAR)
    np.testing.assert_allclose(level, tilted)
    turned = (rotation.T @ box[0], box[1], rotation.T @ box[2])
    _, hit = raycast.cast(rays, rotation.T @ UP, -2.0, boxes(turned))
    slabs = raycast._slabs(rays @ rotation.T, boxes(box), np.zeros(90, dtype=int))
    np.testing.assert_array_equal(hit == 0, np.isfinite(slabs) & (slabs < level))
    assert (hit == 0).any()
