"""How fast scenes become info files, beside a devkit that makes objects of all records: `make bench-create-info`.

Both read the same scenes, one after the other in a process of its own on one core, by turns. Then the whole stage runs
on many small scenes, as it is run by default, which judges every scene by the rules, and without rules: all new, all
known, and one more. The row of one known scene says what Python, Hydra and imports take of each.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.town import DATASET, Town, make, scene_name, write_list, write_town_scene

ROOT = Path(__file__).resolve().parent.parent
# The peak of the process from its own exec on, and what it took of the processor, its helpers' included.
STAGE = """
import os, runpy
try:
    runpy.run_module("stages.create_info", run_name="__main__", alter_sys=True)
finally:
    print(open("/proc/self/status").read(), "cpu:", sum(os.times()[:4]))
"""
# One scene after the other, from its folder to its piece of an info file: tables, sweeps, images, lidar sources, merged
# objects, attribute filters, statistics, and the digests by which it is known again.
OURS = """
import json, sys, time
from pathlib import Path
import yaml
from t4zoo.t4.frames import FrameSettings
from t4zoo.t4.labels import read_labels
from t4zoo.t4.piece import Recipe, make, settings_digest, tables_digest
from t4zoo.t4.reader import read_tables
labels = read_labels(yaml.safe_load(open("conf/labels/t4.yaml")), ["car", "truck", "bus", "bicycle", "pedestrian"])
settings = FrameSettings(labels, max_sweeps=2)
settled = settings_digest(settings)
costs, frames, boxes, code = [], 0, 0, 0
for name in sys.argv[1:]:
    start, folder = time.process_time(), Path(name)
    home = folder.parent.parent.name
    recipe = Recipe(folder, folder, home, home, "", "", settings, settled, labels, folder.parent.parent.parent)
    tables = read_tables(folder)
    recipe.key(tables_digest(tables))
    piece = make(recipe, tables)
    costs.append(time.process_time() - start)
    frames, code = frames + piece.count.frames, code + len(piece.frames)
json.dump({"costs": costs, "frames": frames, "bytes": code}, sys.stdout)
"""


def main(
    scenes: Annotated[int, typer.Option(help="Scenes that both read.")] = 10,
    rounds: Annotated[int, typer.Option(help="How often each reads them.")] = 3,
    many: Annotated[int, typer.Option(help="Scenes of five frames that the whole stage gets.")] = 1000,
) -> None:
    """Make the scenes, read them in both ways, and print two tables."""
    told = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="bench-create-info-") as folder, told.status("") as status:
        work = Path(folder)
        for name, town in (
            ("40 frames, 18 to 50 boxes, 6 cameras", Town(scenes)),
            ("4 frames, 18 boxes, 6 cameras", Town(scenes * 4, 4, 18, 18)),
        ):
            status.update(f"scenes of {name}")
            _print(f"{town.scenes} scenes of {name}, two sweeps each, one core", _race(work, town, rounds))
        status.update(f"the whole stage on {many} scenes")
        rows = _stages(work / "many", many)
    _print(f"the whole stage, {many} scenes of 5 frames and 18 to 50 boxes", rows)


def _race(work: Path, town: Town, rounds: int) -> list[tuple[str, str]]:
    shutil.rmtree(work / "race", ignore_errors=True)
    make(work / "race", town)
    folders = [str(work / "race" / "data" / DATASET / scene_name(number) / "0") for number in range(town.scenes)]
    devkit = [sys.executable, str(ROOT / "benchmarks" / "devkit_info.py")]
    ways = {
        "t4zoo": [sys.executable, "-c", OURS],
        "devkit, as AWML and mmdet3d use it": [*devkit, "usual"],
        "devkit, nothing that is not written": [*devkit, "least"],
    }
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, command in ways.items():
            if number == 0 or "AWML" not in name:  # slow enough to be told from the others at once
                answer = _run([*command, *folders], f"{ROOT / '.oracle'}:{ROOT}" if "devkit" in name else str(ROOT))
                costs[name] += json.loads(answer)["costs"][1:]  # the first one warms up
    first = median(costs["t4zoo"])
    return [
        (
            name,
            f"{median(found) * 1e3:.1f} ms a scene, {town.frames / median(found):,.0f} frames a second, "
            f"x {median(found) / first:.1f}",
        )
        for name, found in costs.items()
    ]


def _stages(work: Path, many: int) -> list[tuple[str, str]]:
    town = Town(many, 5, counted=False)
    make(work, town)
    time.sleep(2.5)  # what was written a moment ago is not believed to be unchanged
    rows = [("one known scene", (_some(work, 1, "one"), _some(work, 1, "one"))[1])]
    rows += [(f"{some} scenes, all new", _some(work, some, f"{some}")) for some in (many // 10, many // 3)]
    rows.append((f"{many} scenes, all new", _some(work, many)))
    rows.append(("no scene is new", _some(work, many)))
    write_town_scene(work / "data" / DATASET / scene_name(many) / "0", many, town)
    rows.append(("one more scene", _some(work, many + 1)))
    rows.append((f"{many} scenes, all new, without rules", _some(work, many, "no rules", "check=[]")))
    rows.append(("no scene is new, without rules", _some(work, many, "no rules", "check=[]")))
    rows.append(("one more scene, without rules", _some(work, many + 1, "no rules", "check=[]")))
    shutil.rmtree(work / "no rules" / "cache")
    rows.append(("as on another machine, after dvc pull, without rules", _some(work, many, "no rules", "check=[]")))
    return rows


def _some(work: Path, scenes: int, home: str = "all", *more: str) -> str:
    """What the stage takes for the first of the scenes, with results and cache in a folder `home`."""
    write_list(work, [f"{scene_name(number)}/0" for number in range(scenes)])
    out, cache = work / home / "info" / "base", work / home / "cache"
    paths = [f"data_root={work / 'data'}", f"dataset_lists={work / 'lists'}", f"out={out}", f"cache={cache}"]
    datasets = f"product.datasets=[{{name: {DATASET}, sample_steps: 1}}]"
    command = [sys.executable, "-c", STAGE, *paths, datasets, "workers=1", *more]
    start = time.perf_counter()
    said = _run(command, str(ROOT))
    seconds = time.perf_counter() - start
    peak, cpu = (float(re.search(name + r"\s+([\d.]+)", said)[1]) for name in ("VmHWM:", "cpu:"))  # type: ignore[index]
    return f"{seconds:.2f} s, {cpu:.2f} s of the processor, peak {peak / 1000:.0f} MB"


def _run(command: list[str], path: str) -> str:
    variables = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[:3]} failed: {done.stderr[-2000:]}")
    return done.stdout


def _print(title: str, rows: list[tuple[str, str]]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)


if __name__ == "__main__":
    typer.run(main)
