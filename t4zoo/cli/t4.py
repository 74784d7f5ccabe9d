"""Commands that look at T4 scenes themselves; they need neither a GPU nor torch, and change nothing that they read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from t4zoo.cli.common import Json
from t4zoo.plain import plain
from t4zoo.screen import print_json, print_lines, print_note, print_records, print_rich, progress

if TYPE_CHECKING:
    from t4zoo.t4.check.report import SceneReport

commands = typer.Typer()
t4 = typer.Typer(help="Look at T4 scenes.")
commands.add_typer(t4, name="t4", no_args_is_help=True)

SHOWN = 20  # scenes whose findings are told one by one, unless all are asked for


@t4.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH...", help="Scenes, datasets' folders or data roots.")
    ] = None,
    as_json: Json = False,
    rules: Annotated[bool, typer.Option("--rules", help="List all rules, and check nothing.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Only these rules or families, as GEO or GEO003,CNT; again for more.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Not these rules or families; again for more.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 1 for warnings too.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; as many as there are cores.")] = None,
    launcher: Annotated[
        str,
        typer.Option(envvar="T4ZOO_DATA_LAUNCHER", help="Where: local, slurm (what a job has of this machine) or ray."),
    ] = "local",
    address: Annotated[
        str, typer.Option(help="Of a Ray cluster: HOST:PORT or ray://HOST:PORT; auto is this machine's.")
    ] = "auto",
    every: Annotated[
        bool, typer.Option("--all", help=f"Tell the findings of all scenes, not of the first {SHOWN}.")
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results are kept, instead of t4zoo's cache folder.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--no-cache", help="Judge every scene again, and keep no result.")] = False,
) -> None:
    """Judge T4 scenes by rules with stable ids: structure, records, references, chains, time, geometry, clouds, counts.

    Ends with 1 where there are errors. Scenes that have not changed are not judged again, so that a check that was
    stopped goes on where it was. docs/t4-check.md has every rule and its reason.
    """
    from t4zoo.launcher import engine_named
    from t4zoo.t4.check.cache import Cache
    from t4zoo.t4.check.many import check_scenes
    from t4zoo.t4.check.places import find_scenes
    from t4zoo.t4.check.rules import RULES, rule_set, selection

    wanted, engine = selection(only or (), ignore or ()), engine_named(launcher, address, workers)
    if rules:
        _list_rules([vars(rule) for rule in RULES.values() if wanted.wants(rule.id)], as_json)
        return
    scenes = find_scenes(paths or [Path()])
    kept = None if fresh else Cache(cache or _own_cache())
    with progress("checking", len(scenes), unit="scenes") as advance:
        reports = check_scenes(scenes, wanted, kept, engine, advance)
    errors, warnings = (sum(report.total(severity) for report in reports) for severity in ("error", "warning"))
    if as_json:
        found = {"scenes": len(reports), "errors": errors, "warnings": warnings}
        print_json({"rule_set": rule_set(), **found, "reports": [report.to_dict() for report in reports]})
    else:
        _tell(reports, every)
    if errors or (strict and warnings):
        raise typer.Exit(1)


def _own_cache() -> Path:
    from t4zoo.zoo.reading.cache import cache

    return cache() / "t4-check"


def _list_rules(rules: list[dict[str, Any]], as_json: bool) -> None:
    from t4zoo.screen import records_table

    if as_json:
        print_records(rules)
    else:
        print_rich(records_table(rules))


def _tell(reports: Sequence[SceneReport], every: bool) -> None:
    bad = sorted((report for report in reports if report.counts), key=lambda report: -report.total("error"))
    for report in bad if every else bad[:SHOWN]:
        print_lines(["", plain(f"{report.path}")])
        print_lines(plain(f"  {line}") for line in _lines(report))
    if not every and len(bad) > SHOWN:
        print_note(f"\nand {len(bad) - SHOWN:,} scenes more; --all tells them too, --json everything")
    _summary(reports)


def _lines(report: SceneReport) -> list[str]:
    """The findings of a scene, each rule's with what was left out and with its cure."""
    from t4zoo.t4.check.rules import RULES

    lines = []
    for rule, count in sorted(report.counts.items(), key=lambda pair: (RULES[pair[0]].severity, pair[0])):
        told = [finding.line() for finding in report.findings if finding.rule == rule]
        more = [f"... and {count - len(told):,} more"] if count > len(told) else []
        lines += [*told, *(f"  {line}" for line in (*more, f"cure: {RULES[rule].cure}"))]
    return lines


def _summary(reports: Sequence[SceneReport]) -> None:
    from t4zoo.screen import records_table
    from t4zoo.t4.check.rules import RULES

    scenes = Counter(rule for report in reports for rule in report.counts)
    breaches = Counter[str]()
    for report in reports:
        breaches.update(report.counts)
    rows = [
        {"rule": rule.id, "severity": rule.severity, "scenes": scenes[rule.id], "times": times, "what": rule.what}
        for rule, times in sorted(
            ((RULES[name], times) for name, times in breaches.items()), key=lambda pair: (pair[0].severity, pair[0].id)
        )
    ]
    if rows:
        print()
        print_rich(records_table(rows))
    wrong = sum(1 for report in reports if report.total("error"))
    known = sum(1 for report in reports if report.cached)
    print_note(f"\n{len(reports):,} scenes, {wrong:,} with errors; {known:,} had not changed since an earlier check")
