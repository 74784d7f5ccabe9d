"""How fast versions are published, pulled and listed, beside what people use for it: `make bench-zoo`.

All on this machine and against one S3 server here, so that ratios count and seconds do not. Timed runs go straight to
the server; requests and bytes are counted in one more run, through a proxy.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import peer, publishers, pullers
from benchmarks.listing import listers
from benchmarks.measure import Contender, Cost, race
from benchmarks.workload import make
from t4zoo.zoo.storage.server import Server

MEGABYTE = 1_000_000
PEERS = ("s5cmd", "aws", "gto")


def main(
    big_mb: Annotated[int, typer.Option(help="Size of the one large file [MB].")] = 500,
    small: Annotated[int, typer.Option(help="Number of small files.")] = 2000,
    small_kb: Annotated[int, typer.Option(help="Size of each small file [kB].")] = 10,
    versions: Annotated[int, typer.Option(help="Versions to be listed.")] = 10_000,
    gto_versions: Annotated[int, typer.Option(help="Versions to be listed by gto, which is slow.")] = 500,
    runs: Annotated[int, typer.Option(help="Timed runs of each; slow ones run once.")] = 3,
    minutes: Annotated[float, typer.Option(help="After which nothing is run a second time.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Measure, and print a table a job."""
    loads = {f"1 x {big_mb} MB": (1, big_mb * MEGABYTE), f"{small:,} x {small_kb} kB": (small, small_kb * 1000)}
    told = Console(stderr=True)
    for name in PEERS:
        if peer(name) is None:
            told.print(f"{name} is not installed, so it is not compared; `make bench-zoo` installs it")
    with (
        tempfile.TemporaryDirectory(prefix="bench-zoo-") as folder,
        Server(Path(folder) / "s3") as server,
        told.status("") as status,
    ):
        tell = status.update if told.is_terminal else told.print
        course = Course(Path(folder), server, runs, time.monotonic() + 60 * minutes, tell)
        results = {**course.move(loads), **course.enumerate(versions, gto_versions)}
    if as_json:
        print(json.dumps({job: {name: asdict(cost) for name, cost in costs.items()} for job, costs in results.items()}))
        return
    for job, costs in results.items():
        Console(width=None if sys.stdout.isatty() else 120).print(_table(job, costs), "")


@dataclass(frozen=True)
class Course:
    """Where the races take place. until: by time.monotonic(), after which nothing is run a second time."""

    folder: Path
    server: Server
    runs: int
    until: float
    tell: Callable[[str], object]

    def __post_init__(self) -> None:
        _alone(self.folder / "home", self.server)

    @property
    def base(self) -> str:
        """What all work below."""
        return f"s3://{self.server.bucket}/bench"

    def move(self, loads: dict[str, tuple[int, int]]) -> dict[str, dict[str, Cost]]:
        """Publish and pull each load: number of files, and size of each in bytes."""
        results = {}
        for title, (count, size) in loads.items():
            work = self.folder / f"work-{count}"
            load = make(work / "files", f"{self.base}/{count}", count, size)
            for job, contenders in (("publish", publishers), ("pull", pullers)):
                results[f"{job} {title}"] = self._race(f"{job} {title}", contenders(load, work))
        return results

    def enumerate(self, versions: int, gto_versions: int) -> dict[str, dict[str, Cost]]:
        """List so many versions."""
        work = self.folder / "work-list"
        work.mkdir()
        return {"list": self._race("list", listers(self.base, work, versions, gto_versions))}

    def _race(self, job: str, contenders: list[Contender]) -> dict[str, Cost]:
        return race(contenders, self.runs, self.server.endpoint, self.until, lambda text: self.tell(f"{job}: {text}"))


def _alone(home: Path, server: Server) -> None:
    """No settings or caches of the user's, and the server's credentials."""
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(("AWS_", "T4ZOO_", "GIT_", "DVC_", "XDG_", "S3_")):
            del os.environ[name]
    os.environ |= {**server.environment, "HOME": str(home), "DVC_SITE_CACHE_DIR": str(home / "site")}
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "DVC_NO_ANALYTICS": "1", "T4ZOO_CACHE": str(home / "cache")}
    logging.getLogger("botocore").setLevel(logging.ERROR)


def _table(job: str, costs: dict[str, Cost]) -> Table:
    table = Table(title=job, title_justify="left", box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for name in ("seconds", "ratio", "cpu s", "requests", "sent MB", "received MB"):
        table.add_column(name, justify="right")
    first = next(iter(costs.values())).typical
    for name, cost in costs.items():
        figures: tuple[Any, ...] = (f"{cost.typical:.2f}", f"{cost.typical / first:.2f}", f"{median(cost.cpu):.2f}")
        passed = (f"{(way or 0) / MEGABYTE:.2f}" for way in (cost.sent, cost.received))
        table.add_row(name, *figures, f"{cost.requests:,}", *passed)
    return table


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
