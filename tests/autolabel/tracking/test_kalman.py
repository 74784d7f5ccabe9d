"""The filter is the textbook's, and its smoother is the best guess there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from t4zoo.autolabel.tracking.kalman import Motions, States, hindsight, predict, start, update

Array = NDArray[np.float64]
MOTION = Motions(*np.array([[0.4], [2.0], [1.5], [8.0]]) ** 2)
numbers = st.floats(-30.0, 30.0)
gaps = st.floats(0.0, 3.0)


def transition(seconds: float) -> tuple[Array, Array]:
    """F and Q of x, y, vx, vy in the textbook's form."""
    step, noise = np.eye(4), np.zeros((4, 4))
    step[0, 2] = step[1, 3] = seconds
    for axis in range(2):
        block = np.ix_((axis, axis + 2), (axis, axis + 2))
        noise[block] = [[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]]
    return step, noise * MOTION.velocity_drift[0]


def full(states: States) -> tuple[Array, Array]:
    """The (4,) mean and the (4, 4) covariance of the first of the states."""
    a, b, c = states.a[0], states.b[0], states.c[0]
    return np.concatenate([states.position[0], states.velocity[0]]), np.kron([[a, b], [b, c]], np.eye(2))


def measured(mean: Array, covariance: Array, seen: Array, noise: list[float]) -> tuple[Array, Array]:
    """The textbook's update by the first len(seen) numbers of the state."""
    look = np.eye(4)[: len(seen)]
    gain = covariance @ look.T @ np.linalg.inv(look @ covariance @ look.T + np.diag(noise))
    return mean + gain @ (seen - look @ mean), (np.eye(4) - gain @ look) @ covariance


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(gaps, numbers, numbers, numbers, numbers, st.booleans()), min_size=1, max_size=6))
def test_the_filter_is_that_of_four_dimensions(seen: list[tuple[float, float, float, float, float, bool]]) -> None:
    position, velocity = MOTION.position_noise[0], MOTION.velocity_noise[0]
    states = start(np.zeros((1, 2)), np.full((1, 2), np.nan), MOTION)
    mean, covariance = np.zeros(4), np.diag([position, position, MOTION.initial_speed[0], MOTION.initial_speed[0]])
    for seconds, x, y, vx, vy, known in seen:
        step, noise = transition(seconds)
        mean, covariance = step @ mean, step @ covariance @ step.T + noise
        states = predict(states, np.array([seconds]), MOTION)
        said = np.array([x, y, vx, vy])[: 4 if known else 2]
        mean, covariance = measured(mean, covariance, said, [position, position, velocity, velocity][: len(said)])
        speeds = np.array([[vx, vy]]) if known else np.full((1, 2), np.nan)
        states = update(states, np.array([[x, y]]), speeds, MOTION)
    np.testing.assert_allclose(full(states)[0], mean, atol=1e-8)
    np.testing.assert_allclose(full(states)[1], covariance, atol=1e-8)


@given(gaps, gaps, numbers)
def test_a_step_is_two_of_its_parts(first: float, second: float, speed: float) -> None:
    states = start(np.zeros((1, 2)), np.array([[speed, 1.0]]), MOTION)
    once = predict(states, np.array([first + second]), MOTION)
    twice = predict(predict(states, np.array([first]), MOTION), np.array([second]), MOTION)
    for one, other in zip(full(once), full(twice), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_hindsight_is_the_mean_of_all_that_was_measured(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seconds, places = rng.uniform(0.05, 1.0, 5), rng.normal(0.0, 5.0, (6, 2))
    unknown = np.full((1, 2), np.nan)
    states = [start(places[:1], unknown, MOTION)]
    for gap, place in zip(seconds, places[1:], strict=True):
        states.append(update(predict(states[-1], np.array([gap]), MOTION), place[None], unknown, MOTION))
    for number in reversed(range(5)):
        gap, now = seconds[number : number + 1], states[number]
        states[number] = hindsight(now, predict(now, gap, MOTION), states[number + 1], gap)
    best = least_squares(seconds, places)
    for number, state in enumerate(states):
        np.testing.assert_allclose(full(state)[0], best[number], atol=1e-7)


def least_squares(seconds: Array, places: Array) -> Array:
    """(n, 4) the states that fit all places, drifts and the first guess best, each by its own noise."""
    count = len(places)
    rows, said = [], []

    def add(block: Array, value: Array, covariance: Array) -> None:
        weight = np.linalg.inv(np.linalg.cholesky(covariance))
        rows.append(weight @ block)
        said.append(weight @ value)

    every = np.eye(4 * count).reshape(count, 4, 4 * count)
    add(every[0][2:], np.zeros(2), np.eye(2) * MOTION.initial_speed[0])
    for number, place in enumerate(places):
        add(every[number][:2], place, np.eye(2) * MOTION.position_noise[0])
    for number, gap in enumerate(seconds):
        step, noise = transition(gap)
        add(every[number + 1] - step @ every[number], np.zeros(4), noise)
    return np.linalg.lstsq(np.concatenate(rows), np.concatenate(said), rcond=None)[0].reshape(count, 4)
