"""How well objects keep their ids, and how long that takes: `make bench-tracking`.

Streets are those of the sample data, for longer, as a detector would see them; errors are sums over all streets.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from t4zoo.autolabel.tracking.tracker import track
from t4zoo.t4.world import CLASSES
from tests.autolabel.tracking.streets import Errors, Street, Thing, errors_of, rules, street_of, watch

STREETS = 20
SEEN: dict[str, dict[str, Any]] = {
    "what really stands there": {},
    "20 % missing, 0.2 m off": {"drop": 0.2, "noise": 0.2},
    "the same, velocity 1 m/s off": {"drop": 0.2, "noise": 0.2, "speed_noise": 1.0},
    "40 % missing, 0.3 m, 1 m/s off": {"drop": 0.4, "noise": 0.3, "speed_noise": 1.0},
    "20 %, 0.2 m, 20 false boxes a frame": {"drop": 0.2, "noise": 0.2, "clutter": 20},
    "20 %, 0.2 m, 2 frames a second": {"drop": 0.2, "noise": 0.2, "seconds": 8.0, "period": 0.5},
}
CHOICES: dict[str, dict[str, Any]] = {
    "forward": {"passes": ["forward"]},
    "both": {},
    "metres, forward": {"distance": "metres", "passes": ["forward"]},
    "metres, both": {"distance": "metres"},
}
FRAMES, BOXES = 40, 200


def crowd(seed: int) -> Street:
    """40 frames of 200 boxes, of objects that go anywhere; a tenth of what could be seen is missing."""
    rng = np.random.default_rng(seed)
    things = []
    for kind in rng.choice(CLASSES, round(BOXES / 0.9)).tolist():
        x, y, heading = rng.uniform((-28, -28, -np.pi), (28, 28, np.pi))
        speed = rng.uniform(0.0, 2.0 if kind in ("bicycle", "pedestrian") else 3.0)
        vx, vy = speed * np.cos(heading), speed * np.sin(heading)
        things.append(Thing(kind, lambda t, x=x, y=y, vx=vx, vy=vy: (x + t * vx, y + t * vy)))
    times = [number / 10 for number in range(FRAMES)]
    return watch(things, times, drop=0.1, noise=0.2, speed_noise=1.0, seed=seed)


def main() -> None:
    """Print both tables."""
    print(f"id switches / ids beyond an object's first / ids of several objects, {STREETS} streets")
    print(f"{'':37}" + "".join(f"{name:>18}" for name in CHOICES) + f"{'boxes':>8}")
    for title, seeing in SEEN.items():
        streets = [street_of(seed, **seeing) for seed in range(STREETS)]
        cells = (_errors(streets, choice) for choice in CHOICES.values())
        said = "".join(f"{f'{found.switches} / {found.fragments} / {found.mixed}':>18}" for found in cells)
        print(f"{title:37}{said}{sum(len(street.truth) for street in streets):8}", flush=True)
    for name, choice in CHOICES.items():
        seconds = min(_seconds(crowd(seed), choice) for seed in range(3))
        print(
            f"{name}: {FRAMES} frames of {BOXES} boxes in {seconds:.3f} CPU s; 5,000 in {seconds * 5000 / FRAMES:.0f} s"
        )


def _errors(streets: list[Street], choice: dict[str, Any]) -> Errors:
    every = [errors_of(street, track(street.labels, street.frames, CLASSES, rules(**choice))) for street in streets]
    return Errors(*(sum(values) for values in zip(*map(dataclasses.astuple, every), strict=True)))


def _seconds(street: Street, choice: dict[str, Any]) -> float:
    start = time.process_time()
    track(street.labels, street.frames, CLASSES, rules(**choice))
    return time.process_time() - start


if __name__ == "__main__":
    main()
