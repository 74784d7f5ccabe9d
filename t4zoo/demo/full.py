"""`make demo-full`: three detectors, labels of two of them together, and a chain of five models from those labels."""

from __future__ import annotations

import json
import re
import shutil
import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table

from t4zoo.demo.workshop import Demo, begin, commit_and_push, opened
from t4zoo.zoo.storage.server import Server

HOME = ".demo-full"
LABELS = "auto_label/20241102_fleet"
CHAIN = ("nuscenes", "t4pretrain", "t4base", "t4x2", "t4x2-50m")
DETECTORS = ("TransFusion/t4base", "BEVFusion/t4base")
# Parents before their children, and models before the labels and info files that name them.
RELEASES = (
    "info@v0.1.0",
    *(f"{name}@v1.0.0" for name in DETECTORS),
    LABELS,
    *(f"CenterPoint/{name}@v1.0.0" for name in CHAIN),
)


def run(root: Path, epochs: int | None = None) -> None:
    """Do all of it, or go on where it stopped. epochs: train every model so long only.

    Raises DemoError with the step that failed.
    """
    with opened(root, HOME) as (demo, server):
        begin(demo, server)
        with demo.step("What to build: another params.yaml, and two choices more in conf/"):
            _lay_over(demo, epochs)
        _build(demo)
        _release(demo)
        _judge(demo)
        _last_screen(demo, server)


def _lay_over(demo: Demo, epochs: int | None) -> None:
    """Copy the overlay's files, and name the new models in dvc.yaml, which DVC asks of a version."""
    with as_file(files("t4zoo.demo") / "overlay") as overlay:
        shutil.copytree(overlay, demo.clone, dirs_exist_ok=True)
    dvc = demo.clone / "dvc.yaml"
    text = dvc.read_text(encoding="utf-8")
    known = yaml.safe_load(text)["artifacts"]
    for name in _models(demo):
        if name not in known:
            text += f"  {name}:\n    path: models/{name}/train\n    type: model\n    desc: Of the full demo\n"
    dvc.write_text(text, encoding="utf-8")
    for file in sorted((demo.clone / "conf/algorithm").glob("*/tiny.yaml")) if epochs else ():
        file.write_text(re.sub(r"^epochs: \d+", f"epochs: {epochs}", file.read_text(), flags=re.MULTILINE))


def _models(demo: Demo) -> list[str]:
    entries: dict[str, Any] = yaml.safe_load((demo.clone / "params.yaml").read_text(encoding="utf-8"))["models"]
    return [f"{entry['algorithm']}/{entry['model']}" for entry in entries.values()]


def _build(demo: Demo) -> None:
    with demo.step("Sample T4 scenes: a base's, a vehicle's, public ones, and a fleet's that nobody has annotated"):
        demo.run("t4zoo", "sample", "--full")
    with demo.step("Seven trainings and what they need, in the order that DVC finds"):
        demo.run("dvc", "repro")
    with demo.step("Committed, and pushed to the store"):
        commit_and_push(demo, "Train three detectors, label the fleet's scenes, and train a chain from the labels")


def _release(demo: Demo) -> None:
    with demo.step("Release all of it, parents before their children"):
        for name in RELEASES:
            demo.run("t4zoo", "release", name)
    with demo.step("What is now in the zoo, and where its youngest comes from"):
        demo.run("t4zoo", "list")
        demo.run("t4zoo", "lineage", RELEASES[-1])


def _judge(demo: Demo) -> None:
    with demo.step("What the labels are worth: the made-up fleet's truth is known"):
        reach = ("--ranges", "0,10,16")  # [m]; the tiny models see no farther
        truth = ("--truth", "data/truth/sample_fleet_v1")
        demo.run("t4zoo", "labels", "report", LABELS, *truth, *reach, "--out", "labels-report")
    with demo.step("Another threshold: what DVC would run"):
        ensemble = demo.clone / "conf/ensemble/pair.yaml"
        before = ensemble.read_text(encoding="utf-8")
        ensemble.write_text(re.sub(r"car: [0-9.]+", "car: 0.6", before, count=1), encoding="utf-8")
        demo.run("dvc", "repro", "--dry", f"autolabel@{LABELS.rpartition('/')[2]}")
        ensemble.write_text(before, encoding="utf-8")


def _last_screen(demo: Demo, server: Server) -> None:
    demo.console.print(_scores(demo))
    demo.console.print(
        f"[bold]Done[/bold] in {time.monotonic() - demo.started:.0f} s. It is all in {demo.clone}: "
        f"{LABELS}/, pseudo_t4dataset/, labels-report/, and a tag a version.\n"
        f"`t4zoo serve --data {demo.home / 's3'}` keeps its server up (it was at {server.endpoint}).",
        soft_wrap=True,
    )


def _scores(demo: Demo) -> Table:
    """What each model finds in the scenes of its product that it has not seen."""
    table = Table(box=None, title="On scenes held out, AP at 2 m", title_justify="left", padding=(0, 2, 0, 0))
    table.add_column("model", no_wrap=True)
    for name in _models(demo):
        metrics = json.loads((demo.clone / f"models/{name}/evaluate/metrics.json").read_text(encoding="utf-8"))
        found = {"mean": metrics["mAP_2m"], **metrics["AP_2m"]}
        for title in list(found)[len(table.columns) - 1 :]:
            table.add_column(title.removesuffix("estrian"), justify="right")
        table.add_row(name, *(f"{value:.3f}" for value in found.values()))
    return table
