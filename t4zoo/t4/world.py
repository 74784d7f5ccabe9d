"""The street of a sample scene: who drives, rides, walks and stands where, in metres.

The road frame is the ego's frame at the first instant: x along the road, y to the left, z up from the ground.
Traffic keeps left. Vehicles head along their lane, so that a heading can be learnt from the side of the road.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.float64]

EGO_FRONT, EGO_BACK, EGO_WIDTH = 3.8, -1.1, 1.9  # the ego's body around its rear axle
SIGHT = 40.0  # objects farther away are neither made nor annotated
CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")

# length, width, height: mean and standard deviation
SIZES = {
    "car": ((4.5, 0.2), (1.85, 0.06), (1.6, 0.08)),
    "truck": ((8.0, 0.5), (2.45, 0.08), (3.2, 0.15)),
    "bus": ((11.0, 0.4), (2.6, 0.05), (3.2, 0.08)),
    "bicycle": ((1.8, 0.08), (0.65, 0.05), (1.65, 0.08)),
    "riderless": ((1.75, 0.08), (0.55, 0.04), (1.05, 0.05)),
    "pedestrian": ((0.7, 0.06), (0.7, 0.06), (1.7, 0.1)),
    "pole": ((0.25, 0.03), (0.25, 0.03), (5.0, 0.5)),
    "bush": ((1.3, 0.3), (0.9, 0.15), (0.9, 0.15)),
    "wall": ((9.0, 2.0), (0.4, 0.05), (3.0, 0.6)),
}

# Solid parts in units of the whole: x, y centre and z bottom, then length, width, height, then reflectivity.
SHAPES: dict[str, tuple[tuple[float, ...], ...]] = {
    "car": ((0.0, 0.0, 0.1, 1.0, 1.0, 0.45, 0.45), (-0.12, 0.0, 0.5, 0.62, 0.88, 0.5, 0.25)),
    "truck": ((-0.13, 0.0, 0.15, 0.74, 1.0, 0.85, 0.7), (0.38, 0.0, 0.1, 0.24, 0.9, 0.62, 0.4)),
    "bus": ((0.0, 0.0, 0.08, 1.0, 1.0, 0.82, 0.55), (-0.2, 0.0, 0.85, 0.4, 0.8, 0.15, 0.3)),
    "bicycle": ((0.0, 0.0, 0.02, 1.0, 0.3, 0.45, 0.3), (-0.08, 0.0, 0.4, 0.4, 1.0, 0.6, 0.5)),
    "riderless": ((0.0, 0.0, 0.02, 1.0, 0.25, 0.7, 0.3), (0.25, 0.0, 0.7, 0.1, 1.0, 0.28, 0.5)),
    "pedestrian": ((0.0, 0.0, 0.0, 0.75, 0.85, 0.85, 0.5), (0.05, 0.0, 0.8, 0.35, 0.35, 0.2, 0.6)),
    "pole": ((0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.8),),
    "bush": ((0.0, 0.0, 0.0, 1.0, 1.0, 0.7, 0.15), (0.1, 0.05, 0.6, 0.6, 0.7, 0.4, 0.15)),
    "wall": ((0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.35),),
}
SKIN = 0.04  # an annotated box stands off the surface by this much [m]


@dataclass(frozen=True)
class Actor:
    """One thing of the street at the first instant, moving straight on.

    size: length, width, height. x, y: the middle of its footprint. velocity: vx, vy [m/s]. All in the road frame.
    """

    kind: str
    x: float
    y: float
    yaw: float
    size: tuple[float, float, float]
    velocity: tuple[float, float] = (0.0, 0.0)
    attributes: tuple[str, ...] = ()

    @property
    def category(self) -> str:
        """The raw category of its annotation, "" for what is not annotated."""
        name = "bicycle" if self.kind == "riderless" else self.kind
        return name if name in CLASSES else ""

    def at(self, time: float) -> tuple[float, float]:
        """The middle of its footprint after `time` seconds."""
        return self.x + self.velocity[0] * time, self.y + self.velocity[1] * time


@dataclass(frozen=True)
class World:
    """A street and the ego's drive through it: speed [m/s] and turn rate [rad/s], both constant."""

    actors: tuple[Actor, ...]
    speed: float
    turn: float

    def ego_at(self, time: float) -> tuple[float, float, float]:
        """x, y [m] and yaw [rad] of the ego in the road frame."""
        yaw = self.turn * time
        return self.speed * time * math.cos(yaw / 2), self.speed * time * math.sin(yaw / 2), yaw


def make_world(rng: Generator, duration: float) -> World:
    """A street in which nobody collides for `duration` seconds."""
    speed, turn = float(rng.uniform(2.0, 8.0)), float(rng.uniform(-0.04, 0.04))
    street = _Street(rng, duration)
    street.reserve_ego(speed)
    wide = rng.random() < 0.25  # a second lane on the ego's side
    left, right = (5.3, -5.5) if wide else (1.9, -5.5)  # the kerbs
    lanes = [(0.0, 0.0, speed), (-3.7, -math.pi, float(rng.uniform(3.0, 9.0)))]
    if wide:
        lanes.append((3.5, 0.0, float(rng.uniform(3.0, 9.0))))
    _crossing(street)
    _traffic(street, lanes)
    _two_wheelers(street, left, right)
    _pedestrians(street, left, right)
    _clutter(street, left, right)
    return World(tuple(street.actors), speed, turn)


class _Street:
    """What has been placed so far, and the rule that nothing may touch anything else at the start or the end."""

    def __init__(self, rng: Generator, duration: float) -> None:
        self.rng = rng
        self.duration = duration
        self.actors: list[Actor] = []
        self.taken: list[tuple[Array, Array]] = []

    def reserve_ego(self, speed: float) -> None:
        """Keep the ego's own way free."""
        front = EGO_FRONT + speed * self.duration + 2.0
        self.taken.append(_twice(_corners((front + EGO_BACK) / 2, 0.0, 0.0, front - EGO_BACK + 2.0, EGO_WIDTH + 0.8)))

    def size(self, kind: str) -> tuple[float, float, float]:
        """A size of this kind, within two standard deviations of its mean."""
        length, width, height = (
            round(mean + spread * float(np.clip(self.rng.normal(), -2, 2)), 3) for mean, spread in SIZES[kind]
        )
        return length, width, height

    def place(
        self, kind: str, x: float, y: float, yaw: float, speed: float = 0.0, attributes: tuple[str, ...] = (),
        size: tuple[float, float, float] | None = None, gap: float = 0.3,
    ) -> bool:  # fmt: skip
        """Add an actor if the place is free; says whether it was."""
        velocity = (speed * math.cos(yaw), speed * math.sin(yaw))
        actor = Actor(kind, x, y, yaw, size or self.size(kind), velocity, attributes)
        length, width = actor.size[0] + gap, actor.size[1] + gap
        start = _corners(*actor.at(0.0), yaw, length, width)
        end = _corners(*actor.at(self.duration), yaw, length, width)
        if any(_overlap(start, other[0]) or _overlap(end, other[1]) for other in self.taken):
            return False
        self.actors.append(actor)
        self.taken.append((start, end))
        return True


def _crossing(street: _Street) -> None:
    """Now and then somebody crosses the road in front."""
    rng = street.rng
    side = float(rng.choice([-1.0, 1.0]))
    ahead = EGO_FRONT + 8.0 * street.duration + 3.0
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.uniform(ahead, ahead + 3.0), rng.uniform(-4.0, 3.0)
            street.place("pedestrian", float(x), float(y), side * math.pi / 2, 1.2, ("pedestrian_state.moving",))
    elif rng.random() < 0.12:
        street.place(
            "car", ahead + 4.0, float(rng.uniform(-4.0, 4.0)), side * math.pi / 2, 4.0, ("vehicle_state.driving",)
        )


def _traffic(street: _Street, lanes: list[tuple[float, float, float]]) -> None:
    """Fill the lanes (y, heading, speed) outwards from the ego, so that what is near holds every class in turn."""
    rng = street.rng
    fronts: list[list[float]] = []
    for number, (y, _, _) in enumerate(lanes):
        start = float(rng.uniform(-9.0, 9.0))
        ahead, behind = (EGO_FRONT + 5.0, EGO_BACK - 2.0) if y == 0.0 else (start, start)
        fronts += [[float(number), 1.0, ahead], [float(number), -1.0, behind]]
    deck: list[str] = []
    while True:
        nearest = min(fronts, key=lambda front: abs(front[2]))
        lane, direction, reach = nearest
        if abs(reach) > SIGHT:
            return
        deck = deck or [str(kind) for kind in rng.permutation(["car", "car", "truck", "bus"])]
        kind = deck.pop()
        y, heading, speed = lanes[int(lane)]
        size = street.size(kind)
        x = reach + direction * (size[0] / 2 + float(rng.uniform(1.5, 6.0)) + 0.4 * max(abs(reach) - 16.0, 0.0))
        yaw = heading + float(rng.normal(0.0, 0.04))
        drift = speed + float(rng.uniform(-0.5, 0.5))
        street.place(kind, x, y + float(rng.normal(0.0, 0.15)), yaw, drift, ("vehicle_state.driving",), size, gap=0.2)
        nearest[2] = x + direction * size[0] / 2


def _two_wheelers(street: _Street, left: float, right: float) -> None:
    """Riders at both edges of the road, a few parked bicycles and cars beyond the kerb."""
    rng = street.rng
    # The far pavement is mostly hidden behind the oncoming lane, so most people are on the near one.
    for y, heading, apart in ((left + 0.6, 0.0, 22.0), (right - 0.6, -math.pi, 45.0)):
        x = -SIGHT + float(rng.uniform(0.0, apart))
        while x < SIGHT:
            yaw = heading + float(rng.normal(0.0, 0.06))
            speed, aside = float(rng.uniform(2.5, 5.5)), float(rng.normal(0.0, 0.1))
            street.place("bicycle", x, y + aside, yaw, speed, ("vehicle_state.driving", "cycle_state.with_rider"))
            x += float(rng.uniform(0.5, 1.5)) * apart
        if rng.random() < 0.3:
            x = float(rng.uniform(-20.0, 20.0))
            street.place("car", x, y + math.copysign(2.2, y), heading, 0.0, ("vehicle_state.parked",), gap=0.5)
        if rng.random() < 0.25:
            x = float(rng.uniform(-20.0, 20.0))
            parked = ("vehicle_state.parked", "cycle_state.without_rider")
            street.place("riderless", x, y + math.copysign(1.4, y), heading, 0.0, parked)


def _pedestrians(street: _Street, left: float, right: float) -> None:
    """People on both pavements, walking along the road or standing."""
    rng = street.rng
    for middle, apart in ((left + 2.6, 17.0), (right - 2.6, 50.0)):
        x = -SIGHT + float(rng.uniform(0.0, apart))
        while x < SIGHT:
            walking = rng.random() < 0.8
            yaw = float(rng.choice([0.0, -math.pi])) + float(rng.normal(0.0, 0.15))
            attribute = "pedestrian_state.moving" if walking else "pedestrian_state.standing"
            y = middle + float(rng.uniform(-1.1, 1.1))
            street.place("pedestrian", x, y, yaw, float(rng.uniform(0.6, 1.7)) if walking else 0.0, (attribute,))
            x += float(rng.uniform(0.3, 1.7)) * apart


def _clutter(street: _Street, left: float, right: float) -> None:
    """What is there and has no label: poles along the kerb, bushes and walls behind the pavement."""
    rng = street.rng
    for y in (left, right):
        outwards = math.copysign(1.0, y)
        for kind, aside, low, high in (("pole", 1.3, 12.0, 25.0), ("bush", 4.6, 4.0, 14.0), ("wall", 6.2, 8.0, 18.0)):
            x = -SIGHT + float(rng.uniform(0.0, high))
            while x < SIGHT:
                turned = float(rng.normal(0.0, 0.3)) if kind == "bush" else 0.0
                street.place(kind, x, y + outwards * (aside + float(rng.uniform(-0.1, 0.3))), turned)
                x += float(rng.uniform(low, high))


def _twice(corners: Array) -> tuple[Array, Array]:
    return corners, corners


def _corners(x: float, y: float, yaw: float, length: float, width: float) -> Array:
    cos, sin = math.cos(yaw), math.sin(yaw)
    return np.array(
        [
            [x + cos * i * length / 2 - sin * j * width / 2, y + sin * i * length / 2 + cos * j * width / 2]
            for i, j in ((1, 1), (1, -1), (-1, -1), (-1, 1))
        ]
    )


def _overlap(a: Array, b: Array) -> bool:
    """Whether two rectangles, each four corners in order, touch: no edge's normal separates them."""
    for first, second in ((a[0], a[1]), (a[1], a[2]), (b[0], b[1]), (b[1], b[2])):
        axis = first - second
        along_a, along_b = a[:, 0] * axis[0] + a[:, 1] * axis[1], b[:, 0] * axis[0] + b[:, 1] * axis[1]
        if along_a.max() < along_b.min() or along_b.max() < along_a.min():
            return False
    return True
