"""Where a demo works: a clone of this repository beside an S3 server of its own.

A release commits and tags, so that the user's own history and remotes must never be touched.
"""

from __future__ import annotations

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


@contextmanager
def opened(root: Path, home: str) -> Iterator[tuple[Demo, Server]]:
    """The demo of the template that `root` lies in, in the template's folder `home`, with its server up.

    Raises DemoError where there is no template to clone.
    """
    top = find_repository(root.resolve())  # it may be called in any folder of the repository
    if top is None:
        raise DemoError(f"{root}: no copy of the template, for it has no .dvc/config; run it in one")
    if not git.has_commit(top):
        raise DemoError(f"{top} has no commit to clone; `git init && git add --all && git commit` makes one")
    demo = Demo(top, (top / home).resolve())
    demo.home.mkdir(parents=True, exist_ok=True)
    with Server(demo.home / "s3") as server:
        demo.environment = _environment(server)
        if (demo.clone / ".dvc").exists():
            point_dvc_at(demo, server)
        yield demo, server


def begin(demo: Demo, server: Server) -> None:
    """A clone that is told of the server; one that is there already is kept."""
    if not (demo.clone / ".git").exists():
        with demo.step("A clone to work in: your own history and remotes stay as they are"):
            _clone(demo)
    with demo.step(f"An S3 server of the demo's own at {server.endpoint}"):
        point_dvc_at(demo, server)


def commit_and_push(demo: Demo, message: str) -> None:
    """What the stages left, to git and to the store."""
    demo.run("git", "add", "--all")
    if demo.ask("git", "status", "--porcelain"):
        demo.run("git", "commit", "--quiet", "--message", message)
    demo.run("dvc", "push")


def url(server: Server, version: str) -> str:
    """Where a stranger finds a model's version."""
    name, _, number = version.partition("@")
    return f"{server.endpoint}/t4zoo/demo/autoware-ml/models/{name}/{number}"


def _environment(server: Server) -> dict[str, str]:
    bin_folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([bin_folder, os.environ.get("PATH", "")])
    return {**os.environ, **server.environment, "PATH": path, "OMP_NUM_THREADS": "1"}


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


def point_dvc_at(demo: Demo, server: Server) -> None:
    """Endpoint and credentials go to `.dvc/config.local`, which git ignores; both may differ from the last time."""
    options = "".join(f"    {key} = {value}\n" for key, value in server.dvc_options.items())
    text = "".join(f"['remote \"{remote}\"']\n{options}" for remote in (STORE, ZOO))
    write_whole(demo.clone / ".dvc" / "config.local", text, mode=0o600)
