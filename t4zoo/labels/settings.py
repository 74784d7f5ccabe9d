"""How labels are judged: the distances, bands and limits that a report states beside its figures."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from t4zoo.errors import UsageError

CUTS = tuple(step / 10 for step in range(1, 10))  # the scores at which tables tell what would be left


@dataclass(frozen=True)
class Settings:
    """What a report counts by.

    precision: the share of right labels that a suggested threshold must reach. distances: centre distances [m] below
    which a box is found, as in nuScenes; distance: the one of them for precision, recall and suggestions. edges: of
    the range bands, distances from the ego [m]. enough: objects of a class without which nothing is suggested.
    min_recall, min_precision: what average precision leaves out, as nuScenes does.

    near: a score less than this above its threshold is close. short: tracks of fewer frames are. few_points: labels
    with fewer lidar points. overlap: IoU above which boxes of two classes are in each other's way. max_speed [m/s],
    max_turn [rad] and max_growth (ratio of a length): what no object does from a frame to the next. pictures: of how
    many frames. Raises UsageError for values by which nothing can be judged.
    """

    precision: float = 0.9
    distances: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    distance: float = 2.0
    edges: tuple[float, ...] = (0.0, 20.0, 40.0, 60.0, 90.0, 120.0)
    enough: int = 10
    min_recall: float = 0.1
    min_precision: float = 0.1
    near: float = 0.05
    short: int = 3
    few_points: int = 5
    overlap: float = 0.1
    max_speed: float = 40.0
    max_turn: float = 1.0
    max_growth: float = 1.5
    pictures: int = 8

    def __post_init__(self) -> None:
        """Check what a user gives."""
        if not 0.0 < self.precision <= 1.0:
            raise UsageError(f"--precision {self.precision:g}: a share of right labels is above 0 and at most 1")
        if not 0.0 < self.distance < math.inf:
            raise UsageError(f"--distance {self.distance:g}: give a centre distance above 0 [m]")
        rising = all(low < high for low, high in itertools.pairwise(self.edges))
        if len(self.edges) < 2 or self.edges[0] < 0.0 or self.edges[-1] == math.inf or not rising:
            edges = ",".join(f"{edge:g}" for edge in self.edges)
            raise UsageError(f"--ranges {edges}: give rising distances from the ego, as in 0,20,40,60 [m]")
        if not 0.0 < self.max_speed < math.inf:
            raise UsageError(f"--max-speed {self.max_speed:g}: give a speed above 0 [m/s]")

    @property
    def columns(self) -> tuple[float, ...]:
        """All distances at which boxes are matched, rising."""
        return tuple(sorted({*self.distances, self.distance}))

    @property
    def span(self) -> tuple[float, float]:
        """(low, high) [m]: what is nearer to the ego or farther counts nowhere."""
        return self.edges[0], self.edges[-1]

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """(low, high) [m]: everything first, then each band."""
        return (self.span, *(p for p in itertools.pairwise(self.edges) if len(self.edges) > 2))


def edges_of(text: str) -> tuple[float, ...]:
    """The numbers of `0,20,40`. Raises UsageError."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--ranges {text}: give distances from the ego with commas between, as in 0,20,40,60 [m]"
        ) from None
