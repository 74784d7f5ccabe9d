"""How fast a million raw boxes become other labels, and in how much memory: `make bench-autolabel`.

The stage runs as DVC runs it, in a process of its own; its steps are then timed by themselves in this one. Suppression
runs beside two loops over OpenCV's intersection of two rotated rectangles: AWML's, over all pairs of a frame's label
group, and one that skips pairs too far apart to meet. All three get the same boxes.
"""

from __future__ import annotations

import math
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
import yaml
from rich.console import Console
from rich.table import Table

from benchmarks.fleet import DATASET, SET, Fleet, make
from t4zoo.autolabel.ensemble import group_of, merge
from t4zoo.autolabel.filter import threshold
from t4zoo.autolabel.pool import pool
from t4zoo.autolabel.raw import read_raw
from t4zoo.autolabel.rules import Ensemble, read_ensemble
from t4zoo.boxes import BoxTable

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "conf" / "ensemble" / "pair.yaml"
# The peak of the process from its own exec on; getrusage would count what it was forked from.
STAGE = """
import runpy
try:
    runpy.run_module("stages.autolabel", run_name="__main__", alter_sys=True)
finally:
    print(open("/proc/self/status").read())
"""


def main(
    scenes: Annotated[int, typer.Option(help="Number of scenes.")] = 125,
    frames: Annotated[int, typer.Option(help="Frames of each scene.")] = 40,
    boxes: Annotated[int, typer.Option(help="Raw boxes of each frame, of two models together.")] = 200,
    compared: Annotated[int, typer.Option(help="Scenes that the loops over OpenCV get too; they are slow.")] = 10,
) -> None:
    """Make the predictions, label them, and print two tables."""
    told = Console(stderr=True)
    fleet = Fleet(scenes, frames, boxes)
    ensemble = read_ensemble(yaml.safe_load(CONF.read_text(encoding="utf-8")), CONF.name)
    with tempfile.TemporaryDirectory(prefix="bench-autolabel-") as folder, told.status("") as status:
        work = Path(folder)
        status.update(f"making {scenes * frames * boxes:,} raw boxes in {scenes * frames:,} frames")
        make(work, fleet)
        rows: list[tuple[str, str]] = []
        for tracking in ("none", "kalman"):
            status.update(f"the whole stage, tracking {tracking}")
            cost, said = _stage(work, tracking)
            rows.append((f"the whole stage, tracking {tracking}: {said}", cost))
        status.update("the steps by themselves")
        steps, tables = _steps(work / "auto_label" / SET / "raw", ensemble, compared)
        rows += [(name, f"{seconds:.3f} s") for name, seconds in steps.items()]
        status.update(f"suppression in {len(tables)} scenes")
        costs = _suppression(tables, ensemble)
    _print(f"{scenes * frames * boxes:,} raw boxes, {scenes * frames:,} frames, {scenes} scenes", rows)
    first = costs[0][1]
    _print(
        f"suppression in {len(tables)} scenes of them, {sum(len(one) for two in tables for one in two):,} boxes",
        [(name, f"{seconds:.3f} s, x {seconds / first:.1f}, {other}") for name, seconds, other in costs],
    )


def _stage(work: Path, tracking: str) -> tuple[str, str]:
    """What the stage costs, which on a machine with other work is told by its CPU seconds, and its last words."""
    choices = (f"auto_label={SET}", f"scenes={DATASET}", "ensemble=pair", f"tracking={tracking}")
    # The made-up objects are in no cloud: points are counted, but nothing is dropped for having none.
    command = [sys.executable, "-c", STAGE, *choices, "ensemble.filters.points=null"]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=work, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    computing = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    if done.returncode or peak is None:
        raise SystemExit(f"the stage failed: {done.stderr[-2000:]}")
    said = re.search(r"pseudo_t4dataset/\S+: (\d+ labels)", done.stdout)
    cost = f"{seconds:.1f} s, {computing:.1f} s of CPU, peak {int(peak[1]) / 1000:.0f} MB"
    return cost, said[1] if said else ""


def _steps(folder: Path, ensemble: Ensemble, compared: int) -> tuple[dict[str, float], list[list[BoxTable]]]:
    """Seconds of each step over all scenes, and what is left of the first scenes' boxes by the thresholds."""
    seconds = {"reading": 0.0, "thresholds": 0.0, "suppression": 0.0}
    tables = []

    def timed(step: str, work: Callable[[], object]) -> object:
        start = time.perf_counter()
        result = work()
        seconds[step] += time.perf_counter() - start
        return result

    raw = read_raw(folder, ensemble, DATASET)
    scenes: Iterator = iter(raw)
    while (scene := timed("reading", lambda: next(scenes, None))) is not None:
        kept = timed(
            "thresholds",
            lambda scene=scene: [
                threshold(boxes, raw.classes, rules) for boxes, rules in zip(scene.boxes, ensemble.models, strict=True)
            ],
        )
        timed("suppression", lambda kept=kept: merge(kept, raw.classes, ensemble))
        if len(tables) < compared:
            tables.append(kept)
    return {f"{name}, all scenes": cost for name, cost in seconds.items()}, tables


def _suppression(tables: list[list[BoxTable]], ensemble: Ensemble) -> list[tuple[str, float, str]]:
    classes = tuple(ensemble.models[0].use_label)
    results = []
    for name, way in (
        ("ours: a scene's pairs at once", lambda scene: merge(scene, classes, ensemble).boxes),
        ("loop over OpenCV, all pairs (AWML)", lambda scene: _loop(scene, classes, ensemble, near=False)),
        ("loop over OpenCV, near pairs only", lambda scene: _loop(scene, classes, ensemble, near=True)),
    ):
        start = time.perf_counter()
        kept = [way(scene).ids for scene in tables]
        results.append((name, time.perf_counter() - start, np.concatenate(kept)))
    return [
        (name, seconds, f"{len(ids):,} left, {len(np.setxor1d(ids, results[0][2])):,} of them other ones")
        for name, seconds, ids in results
    ]


def _loop(scene: list[BoxTable], classes: tuple[str, ...], ensemble: Ensemble, near: bool) -> BoxTable:
    """Greedy suppression, frame by frame and group by group: take the best, drop what it overlaps, go on."""
    boxes, models = pool(scene)
    groups = group_of(classes, ensemble)[boxes.labels]
    strength = boxes.scores * np.array([model.weight for model in ensemble.models])[models]
    rectangles = [
        ((x, y), (length, width), math.degrees(yaw)) for x, y, _, length, width, _, yaw in boxes.boxes.tolist()
    ]
    reach = np.hypot(boxes.boxes[:, 3], boxes.boxes[:, 4]).tolist()
    kept = []
    for start, end in zip(boxes.starts[:-1], boxes.starts[1:], strict=True):
        for group in range(len(ensemble.label_groups)):
            rest = start + np.flatnonzero(groups[start:end] == group)
            rest = rest[np.argsort(-strength[rest], kind="stable")].tolist()
            while rest:
                best, *others = rest
                kept.append(best)
                a = rectangles[best]
                rest = [
                    other
                    for other in others
                    if (near and math.dist(a[0], rectangles[other][0]) * 2 > reach[best] + reach[other])
                    or _iou(a, rectangles[other]) <= ensemble.iou_threshold
                ]
    return boxes.take(np.sort(np.array(kept)))


def _iou(a: tuple, b: tuple) -> float:
    _, corners = cv2.rotatedRectangleIntersection(a, b)
    if corners is None:
        return 0.0
    shared = cv2.contourArea(cv2.convexHull(corners))
    return shared / (a[1][0] * a[1][1] + b[1][0] * b[1][1] - shared)


def _print(title: str, rows: list[tuple[str, str]]) -> None:
    table = Table("", "", title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 120).print(table, "")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
