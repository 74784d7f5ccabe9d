"""`make demo`: the whole path on one machine, from scenes to a released model.

It works in a clone of this repository below `.demo/`, because a release commits and tags: the user's own history and
remotes are never touched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from t4zoo.errors import T4zooError
from t4zoo.whole import write_whole
from t4zoo.zoo import git
from t4zoo.zoo.address import STORE, ZOO, find_repository
from t4zoo.zoo.storage.server import Server

VERSION = "CenterPoint/t4base@v1.0.0"
RELEASES = (VERSION, "info@v0.1.0", "auto_label/20241101_sample")  # the labels name the model, so it comes first


class DemoError(T4zooError):
    """A step of the demo that failed, with the command to see why."""


@dataclass
class Demo:
    """Where the demo works, and what it talks to.

    root: the repository that is cloned, only read. home: everything the demo makes.
    """

    root: Path
    home: Path
    console: Console = field(default_factory=lambda: Console(highlight=False))
    environment: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @property
    def clone(self) -> Path:
        """The repository that the demo works in."""
        return self.home / "repo"

    @property
    def pulled(self) -> Path:
        """Where the released version is brought to, as a stranger would."""
        return self.home / "pulled"

    def run(self, *command: str, cwd: Path | None = None) -> None:
        """Show the command, run it with its output on the screen, stop the demo if it fails."""
        self.console.print(f"[bold]$ {' '.join(command)}[/bold]", soft_wrap=True)
        if subprocess.run(command, cwd=cwd or self.clone, env=self.environment).returncode:  # noqa: S603
            raise DemoError(
                f"`{' '.join(command)}` failed in {cwd or self.clone}; its own words stand above; "
                "`make demo` goes on from there, `make clean` before it begins anew"
            )

    def ask(self, *command: str) -> str:
        """The command's output; "" if it fails."""
        done = subprocess.run(command, cwd=self.clone, env=self.environment, capture_output=True, text=True)  # noqa: S603
        return done.stdout.strip() if done.returncode == 0 else ""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A heading, and how long what follows it took."""
        start = time.monotonic()
        self.console.rule(f"[cyan]{title}", align="left")
        yield
        self.console.print(f"[dim]{time.monotonic() - start:.1f} s[/dim]")


def run(root: Path, home: Path | None = None) -> None:
    """Do the demo, or say that it is done already. Raises DemoError with the step that failed."""
    top = find_repository(root.resolve())  # it may be called in any folder of the repository
    if top is None:
        raise DemoError(f"{root}: no copy of the template, for it has no .dvc/config; run it in one")
    if not git.has_commit(top):
        raise DemoError(f"{top} has no commit to clone; `git init && git add --all && git commit` makes one")
    demo = Demo(top, (home or top / ".demo").resolve())
    demo.home.mkdir(parents=True, exist_ok=True)
    with Server(demo.home / "s3") as server:
        demo.environment = _environment(server)
        if (demo.clone / ".dvc").exists():
            _point_dvc_at(demo, server)
        done = _is_done(demo)
        if done:
            _say_done(demo)
        else:
            _make(demo, server)
        _last_screen(demo, server, "" if done else f", in {time.monotonic() - demo.started:.0f} s")


def _environment(server: Server) -> dict[str, str]:
    bin_folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([bin_folder, os.environ.get("PATH", "")])
    return {**os.environ, **server.environment, "PATH": path, "OMP_NUM_THREADS": "1"}


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
    if not (demo.clone / ".git").exists():
        with demo.step("A clone to work in: your own history and remotes stay as they are"):
            _clone(demo)
    with demo.step(f"An S3 server of the demo's own at {server.endpoint}"):
        _point_dvc_at(demo, server)
    with demo.step("Sample T4 scenes: a ray-cast lidar among vehicles and people"):
        demo.run("t4zoo", "sample")
    with demo.step("Six stages: DVC runs what is missing"):
        demo.run("dvc", "repro")
    with demo.step("What will be v1.0.0: committed, and pushed to the store"):
        demo.run("git", "add", "--all")
        if demo.ask("git", "status", "--porcelain"):
            demo.run("git", "commit", "--quiet", "--message", "Train CenterPoint/t4base on the sample scenes")
        demo.run("dvc", "push")
    with demo.step("Release the model, the info files that it learnt from, and the labels that it made"):
        for name in RELEASES:
            demo.run("t4zoo", "release", name)
    with demo.step("What is now in the zoo"):
        demo.run("t4zoo", "list")
    with demo.step("A stranger's view: by URL alone, into an empty folder"):
        shutil.rmtree(demo.pulled, ignore_errors=True)
        demo.run("t4zoo", "pull", _url(server), "--to", str(demo.pulled), cwd=demo.home)
        demo.run("t4zoo", "verify", _url(server), "--dir", str(demo.pulled), cwd=demo.home)


def _clone(demo: Demo) -> None:
    if demo.clone.exists():
        raise DemoError(f"{demo.clone}: is there, and is no clone; `make clean` removes it")
    begun = demo.clone.with_name(".repo")  # one that was interrupted must not be taken for a clone
    shutil.rmtree(begun, ignore_errors=True)
    demo.run("git", "clone", "--quiet", "--no-tags", str(demo.root), str(begun), cwd=demo.home)
    demo.run("git", "remote", "remove", "origin", cwd=begun)
    demo.run("git", "config", "user.name", "t4zoo demo", cwd=begun)
    demo.run("git", "config", "user.email", "demo@t4zoo.invalid", cwd=begun)
    begun.rename(demo.clone)
    if git.changes(demo.root):
        demo.console.print("[yellow]Your uncommitted changes are not in it.[/yellow]")


def _point_dvc_at(demo: Demo, server: Server) -> None:
    """Endpoint and credentials go to `.dvc/config.local`, which git ignores; both may differ from the last time."""
    options = "".join(f"    {key} = {value}\n" for key, value in server.dvc_options.items())
    text = "".join(f"['remote \"{remote}\"']\n{options}" for remote in (STORE, ZOO))
    write_whole(demo.clone / ".dvc" / "config.local", text, mode=0o600)


def _url(server: Server) -> str:
    name, _, version = VERSION.partition("@")
    return f"{server.endpoint}/t4zoo/demo/autoware-ml/models/{name}/{version}"


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
  {_url(server)}

[bold]Three things to try[/bold]   (first: source .venv/bin/activate)
  1. make serve     keeps the server up; then in another shell:
     curl {_url(server)}/ml_package.param.yaml
  2. cd {here}/repo && sed -i 's/car: [0-9.]*/car: 0.9/' conf/ensemble/tiny.yaml && dvc repro
     Another threshold needs no GPU: only autolabel runs.
  3. t4zoo init --url s3://your-bucket/prefix --dry-run     in a copy of this repository: your team's own"""
    demo.console.print(text, soft_wrap=True)
