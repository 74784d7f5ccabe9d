"""How many scenes a second `t4zoo t4 check` judges in one process: `python -m benchmarks.t4_check`.

Scenes of 5 and of 40 frames, with the small clouds of the samples and with clouds as large as a vehicle's.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from t4zoo.t4.check.cache import Cache
from t4zoo.t4.check.many import check_known
from t4zoo.t4.check.scene import check_scene
from t4zoo.t4.synth_scene import CONCAT, ScenePlan, write_scene

POINTS = 180_000  # of a concatenated cloud of several lidars
TURNS = 5


def main() -> None:
    """Print a line for each kind of scene: fresh, and known from before."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for frames in (5, 40):
            folder = root / str(frames) / "0"
            count = write_scene(folder, ScenePlan("bench", "train", frames, frames, CONCAT))
            _report(folder, f"{frames:2} frames, {count.boxes:4} boxes, {count.points // frames:7,} points a cloud")
            _enlarge(folder)
            _report(folder, f"{frames:2} frames, {count.boxes:4} boxes, {POINTS:7,} points a cloud")
        if "--profile" in sys.argv:
            profile = cProfile.Profile()
            profile.runcall(check_scene, folder)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(30)


def _enlarge(folder: Path) -> None:
    """Fill up every cloud with its own points, lifted above all boxes, so that the counts stay right."""
    for path in sorted((folder / "data").rglob("*.bin")):
        points = np.fromfile(path, dtype="<f4").reshape(-1, 5)
        more = np.tile(points, (POINTS // len(points), 1))[: POINTS - len(points)]
        more[:, 2] += 20.0
        np.concatenate([points, more]).tofile(path)


def _report(folder: Path, what: str) -> None:
    cache = Cache(folder.parent / f"cache {what}")
    counts = check_known(folder, cache=cache).counts
    fresh = min(_seconds(lambda: check_scene(folder)) for _ in range(TURNS))
    known = min(_seconds(lambda: check_known(folder, cache=cache)) for _ in range(TURNS))
    print(f"{what}: {1 / fresh:6.1f} scenes/CPU s, {1 / known:6.0f} when unchanged, findings {counts or 'none'}")


def _seconds(run) -> float:  # type: ignore[no-untyped-def]
    start = time.process_time()
    run()
    return time.process_time() - start


if __name__ == "__main__":
    main()
