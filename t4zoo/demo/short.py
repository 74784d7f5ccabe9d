"""`make demo`: the whole path on one machine, from scenes to a released model and labels."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

from t4zoo.demo.workshop import Demo, begin, commit_and_push, opened, url
from t4zoo.zoo import git
from t4zoo.zoo.storage.server import Server

HOME = ".demo"
VERSION = "CenterPoint/t4base@v1.0.0"
RELEASES = (VERSION, "info@v0.1.0", "auto_label/20241101_sample")  # the labels name the model, so it comes first


def run(root: Path) -> None:
    """Do the demo, or say that it is done already. Raises DemoError with the step that failed."""
    with opened(root, HOME) as (demo, server):
        done = _is_done(demo)
        if done:
            _say_done(demo)
        else:
            _make(demo, server)
        _last_screen(demo, server, "" if done else f", in {time.monotonic() - demo.started:.0f} s")


def _is_done(demo: Demo) -> bool:
    """Released, pulled, and nothing left for DVC to do in the clone."""
    made = (demo.clone / ".git", demo.pulled / "manifest.json")
    if not all(path.exists() for path in made) or not demo.ask("git", "tag", "--list", VERSION):
        return False
    return demo.ask("dvc", "status", "--json") == "{}"


def _say_done(demo: Demo) -> None:
    demo.run("t4zoo", "verify", VERSION)
    demo.run("t4zoo", "verify", VERSION, "--dir", str(demo.pulled))
    demo.console.print("\n[bold green]Nothing to do:[/bold green] the demo is made, and all of it is as it was.")
    if not demo.ask("git", "rev-parse", "--verify", f"{git.head(demo.root).id}^{{commit}}"):
        demo.console.print("It shows an earlier commit than yours; `make clean` and `make demo` make it anew.")


def _make(demo: Demo, server: Server) -> None:
    begin(demo, server)
    with demo.step("Sample T4 scenes: a ray-cast lidar among vehicles and people"):
        demo.run("t4zoo", "sample")
    with demo.step("Six stages: DVC runs what is missing"):
        demo.run("dvc", "repro")
    with demo.step("What will be v1.0.0: committed, and pushed to the store"):
        commit_and_push(demo, "Train CenterPoint/t4base on the sample scenes")
    with demo.step("Release the model, the info files that it learnt from, and the labels that it made"):
        for name in RELEASES:
            demo.run("t4zoo", "release", name)
    with demo.step("What is now in the zoo"):
        demo.run("t4zoo", "list")
    with demo.step("A stranger's view: by URL alone, into an empty folder"):
        shutil.rmtree(demo.pulled, ignore_errors=True)
        demo.run("t4zoo", "pull", url(server, VERSION), "--to", str(demo.pulled), cwd=demo.home)
        demo.run("t4zoo", "verify", url(server, VERSION), "--dir", str(demo.pulled), cwd=demo.home)


def _last_screen(demo: Demo, server: Server, took: str) -> None:
    metrics = json.loads((demo.pulled / "metrics.json").read_text())
    here = os.path.relpath(demo.home, Path.cwd())
    text = f"""
[bold]What was made[/bold]{took}
  {VERSION}   mAP {metrics["mAP"]:.3f}; at 2 m: car {metrics["AP_2m"]["car"]:.3f}, mean {metrics["mAP_2m"]:.3f}
  Auto-labels of two scenes that nobody had annotated, each with the model that made it and its score.

[bold]Where it is[/bold]
  {here}/repo     the repository: dvc.lock, models/, auto_label/, pseudo_t4dataset/, the git tag
  {here}/pulled   the version as a stranger gets it, checked against its manifest
  {url(server, VERSION)}

[bold]Three things to try[/bold]   (first: source .venv/bin/activate)
  1. make serve     keeps the server up; then in another shell:
     curl {url(server, VERSION)}/ml_package.param.yaml
  2. cd {here}/repo && sed -i 's/car: [0-9.]*/car: 0.9/' conf/ensemble/tiny.yaml && dvc repro
     Another threshold needs no GPU: only autolabel runs.
  3. t4zoo init --url s3://your-bucket/prefix --dry-run     in a copy of this repository: your team's own"""
    demo.console.print(text, soft_wrap=True)
