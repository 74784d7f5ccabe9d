import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from t4zoo import geometry

unit = st.floats(-1.0, 1.0)
quaternions = st.tuples(unit, unit, unit, unit).filter(lambda q: sum(v * v for v in q) > 0.01)
angles = st.floats(-50.0, 50.0)


@given(quaternions)
def test_a_quaternion_gives_scipys_rotation(quaternion):
    w, x, y, z = quaternion
    theirs = Rotation.from_quat([x, y, z, w]).as_matrix()
    np.testing.assert_allclose(geometry.rotation_from_quaternion(quaternion), theirs, atol=1e-12)


@given(quaternions)
def test_a_rotation_survives_the_way_through_its_quaternion(quaternion):
    rotation = geometry.rotation_from_quaternion(quaternion)
    back = geometry.quaternion_from_rotation(rotation)
    assert back[0] >= 0
    np.testing.assert_allclose(geometry.rotation_from_quaternion(back), rotation, atol=1e-12)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0.8, 0)])
def test_half_turns_keep_their_axis(axis):
    rotation = geometry.rotation_from_quaternion((0.0, *axis))
    np.testing.assert_allclose(np.abs(geometry.quaternion_from_rotation(rotation)), (0, *axis), atol=1e-12)


@pytest.mark.parametrize("nothing", [(0, 0, 0, 0), (math.nan, 0, 0, 1), (1, 0, 0)])
def test_what_is_no_rotation_is_refused(nothing):
    with pytest.raises(ValueError):
        geometry.rotation_from_quaternion(nothing)


@given(angles)
def test_a_wrapped_angle_points_the_same_way_and_lies_in_the_half_open_turn(angle):
    wrapped = geometry.wrap(angle)
    assert -math.pi <= wrapped < math.pi
    assert math.isclose(math.cos(wrapped - angle), 1.0, abs_tol=1e-9)


def test_pi_itself_wraps_to_minus_pi():
    assert geometry.wrap(math.pi) == -math.pi


@given(st.floats(-3.1, 3.1))
def test_yaw_comes_back_from_its_rotation_and_its_quaternion(yaw):
    assert geometry.yaw_of(geometry.rotation_from_yaw(yaw)) == pytest.approx(yaw)
    quaternion = geometry.quaternion_from_yaw(yaw)
    assert geometry.yaw_of(geometry.rotation_from_quaternion(quaternion)) == pytest.approx(yaw)


@given(angles, angles, angles)
def test_euler_angles_turn_about_fixed_axes(roll, pitch, yaw):
    theirs = Rotation.from_euler("xyz", [roll, pitch, yaw]).as_matrix()
    np.testing.assert_allclose(geometry.rotation_from_euler(roll, pitch, yaw), theirs, atol=1e-12)


@given(quaternions, quaternions, st.tuples(angles, angles, angles))
def test_transforms_compose_and_invert_as_matrices_do(one, other, offset):
    a = geometry.transform(geometry.rotation_from_quaternion(one), offset)
    b = geometry.transform(geometry.rotation_from_quaternion(other), (1.0, 2.0, 3.0))
    np.testing.assert_allclose(geometry.compose(a, b), a @ b, atol=1e-12)
    np.testing.assert_allclose(geometry.inverse(a), np.linalg.inv(a), atol=1e-9)
    points = np.array([[1.0, -2.0, 0.5], offset])
    np.testing.assert_allclose(geometry.apply(a, points), points @ a[:3, :3].T + a[:3, 3], atol=1e-10)
