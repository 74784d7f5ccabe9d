"""Commands for dataset lists: what is wrong with them, what differs between two revisions, how much they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from t4zoo.cli.common import Json, stop_for
from t4zoo.plain import plain
from t4zoo.screen import print_json, print_lines, print_note, progress

if TYPE_CHECKING:
    from t4zoo.t4.datasets.finding import Finding

commands = typer.Typer()
dataset = typer.Typer(help="Dataset lists: what is wrong with them, what changed, and how much they hold.")
commands.add_typer(dataset, name="dataset", no_args_is_help=True)

_SHOWN = 5  # findings of one rule on one list that a person sees; --json has all


@dataset.command()
def lint(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Datasets, or products for all of theirs. Default: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with dataset lists, before hours of work are built on them; exit code 1 for an error.

    Entries that are none, scenes that are taken twice, a dataset_version that was not raised, scenes that are not on
    disk, and scenes on disk that no list names.
    """
    from dataclasses import asdict

    from t4zoo.t4.datasets.lint import lint as library
    from t4zoo.zoo.commit import last_tagged

    root = repository()
    found = library(root, names or (), last_tagged(root))
    if as_json:
        findings = [{"severity": finding.severity, **asdict(finding)} for finding in found.findings]
        print_json({"datasets": found.datasets, "findings": findings})
    else:
        print_lines(_told(found.findings))
        print(f"{len(found.datasets)} lists: {_counted(found.findings)}")
    stop_for([], failed=found.failed)


def repository() -> Path:
    """The repository around this folder, or else this folder."""
    from t4zoo.zoo.address import find_repository

    here = Path.cwd()
    return find_repository(here) or here


def _told(findings: Sequence[Finding]) -> Iterator[str]:
    """A line a finding; of many of one rule on one list, the first few."""
    for (severity, _, file), group in groupby(findings, lambda one: (one.severity, one.rule, one.where.split(":")[0])):
        same = list(group)
        for finding in same[:_SHOWN]:
            yield f"{severity}: {plain(str(finding))}"
        if len(same) > _SHOWN:
            yield f"{severity}: {same[0].rule}: {plain(file)}: {len(same) - _SHOWN:,} more; --json lists all"


def _counted(findings: Sequence[Finding]) -> str:
    from t4zoo.t4.datasets.finding import SEVERITIES

    counts = {severity: sum(one.severity == severity for one in findings) for severity in SEVERITIES}
    return ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items())


@dataset.command()
def stats(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A product, a dataset that one takes, or a folder of info files.")
    ],
    scenes: Annotated[bool, typer.Option("--scenes", help="A line for each scene, too.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write statistics.json, the tables and a picture here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how much a product or dataset holds: scenes, frames, objects by class, distance and lidar points.

    From what create_info counted: frames that a product leaves out by sample_steps, and classes that it does not have,
    are not in it. Between revisions: `dvc metrics diff`, and `dvc plots diff` for info/{product}/objects.csv.
    """
    from t4zoo.screen import print_rich, records_table
    from t4zoo.t4.datasets.places import PRODUCTS, read_places
    from t4zoo.t4.datasets.products import read_products
    from t4zoo.t4.datasets.statistics import as_csv, as_dict, find_counted, tables
    from t4zoo.t4.datasets.tree import WorkingTree

    root = repository()
    tree = WorkingTree(root)
    products = read_products(tree, PRODUCTS, read_places(tree).lists)
    counted = find_counted(root, name, {one.name: [named.name for named in one.datasets] for one in products})
    data = as_dict(counted)
    if out:
        _write_stats(out, data, as_csv(counted), as_json)
    if as_json:
        print_json(data)
        return
    print_lines([f"{plain(name)}, as {plain(counted.source)} has it"])
    for title, records in tables(data):
        print_lines(("", title.upper()))
        print_rich(records_table(records))
    if scenes:
        print_lines(("", "SCENES"))
        print_rich(records_table([{**one, **one.pop("objects")} for one in data["scenes"]]))


def _write_stats(out: Path, data: dict[str, Any], csvs: dict[str, str], silent: bool) -> None:
    import json

    from t4zoo.t4.datasets.charts import chart
    from t4zoo.whole import whole, write_whole

    for name, text in {"statistics.json": json.dumps(data, indent=2) + "\n", **csvs}.items():
        write_whole(out / name, text)
    with whole(out / "objects.png") as temporary:
        temporary.write_bytes(chart(data))
    if not silent:
        print_note(f"wrote statistics.json, {', '.join(csvs)} and objects.png into {out}")


@dataset.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A tag, branch or commit.")] = "HEAD",
    b: Annotated[str | None, typer.Argument(metavar="B", help="Another; by default the working tree.")] = None,
    as_json: Json = False,
) -> None:
    """Show what differs between the dataset lists of two revisions: scenes, their splits and revisions, their frames.

    Frames are compared by the scenes' tables where DVC or the disk has them, else by the info files of both revisions;
    where neither is at hand, that is said.
    """
    from t4zoo.errors import UsageError
    from t4zoo.t4.datasets.difference import difference
    from t4zoo.t4.datasets.moment import Moment
    from t4zoo.t4.datasets.told import as_dict, lines
    from t4zoo.t4.datasets.tree import WorkingTree
    from t4zoo.zoo import git
    from t4zoo.zoo.commit import Commit

    root = repository()
    if not git.has_commit(root):
        raise UsageError(f"{root}: is not the top of a git repository with a commit, and only git knows what was")
    disk = WorkingTree(root)
    sides = [Moment(Commit(root, name) if name is not None else disk, disk) for name in (a, b)]
    with progress("comparing", len({**sides[0].entries, **sides[1].entries}), unit="scenes") as advance:
        found = difference(sides[0], sides[1], advance)
    if as_json:
        print_json({"a": sides[0].tree.name, "b": sides[1].tree.name, **as_dict(found)})
    else:
        print_lines(plain(line) for line in lines(found, sides[0].tree.name, sides[1].tree.name))
