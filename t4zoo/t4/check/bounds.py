"""What is believed of each kind of object: how large it can be and how fast; beyond lies an error, or a rarity.

Sizes are those of annotated boxes, with their riders, mirrors, loads and open doors.
"""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Bounds:
    """Smallest and greatest width, length and height [m], and the greatest speed [m/s].

    elongated: whether length and width differ so much that they can be told apart.
    """

    width: Range
    length: Range
    height: Range
    speed: float
    elongated: bool = True


CAR = Bounds((1.2, 2.8), (2.3, 7.5), (0.9, 3.5), 70.0)
TRUCK = Bounds((1.3, 4.0), (2.8, 26.0), (1.2, 5.5), 50.0)
BUS = Bounds((1.6, 3.6), (4.0, 26.0), (1.8, 5.0), 50.0)
TRAILER = Bounds((0.8, 4.0), (1.0, 26.0), (0.3, 5.5), 50.0, elongated=False)
BICYCLE = Bounds((0.15, 1.25), (0.9, 3.2), (0.5, 2.6), 25.0)
MOTORCYCLE = Bounds((0.2, 1.6), (1.2, 3.8), (0.6, 2.6), 70.0)
WALKER = Bounds((0.15, 2.2), (0.15, 2.6), (0.3, 2.6), 15.0, elongated=False)
SMALL_VEHICLE = Bounds((0.5, 3.0), (1.0, 8.0), (0.5, 4.5), 25.0, elongated=False)
ANYTHING = Bounds((0.01, 30.0), (0.01, 30.0), (0.01, 15.0), 90.0, elongated=False)

# The last part of a raw category, in all vocabularies so far -> what is believed of it.
OF_CATEGORY = {
    "car": CAR, "police": CAR, "police_car": CAR, "ambulance": CAR, "emergency (ambulance & police)": CAR,
    "truck": TRUCK, "fire": TRUCK, "fire_truck": TRUCK, "tractor_unit": TRUCK,
    "bus": BUS, "bus (bendy & rigid)": BUS,
    "trailer": TRAILER, "semi_trailer": TRAILER,
    "bicycle": BICYCLE, "motorcycle": MOTORCYCLE,
    "pedestrian": WALKER, "adult": WALKER, "child": WALKER, "police_officer": WALKER, "wheelchair": WALKER,
    "construction_worker": WALKER, "stroller": WALKER, "personal_mobility": WALKER,
    "forklift": SMALL_VEHICLE, "kart": SMALL_VEHICLE,
}  # fmt: skip


def bounds_of(category: str) -> Bounds:
    """What is believed of a raw category; of an unknown one, what holds for anything on a street."""
    return OF_CATEGORY.get(category.lower().rpartition(".")[2], ANYTHING)
