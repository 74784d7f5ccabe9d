"""Commands that keep a zoo after its releases: look whether all agrees, withdraw, and tidy the store."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from t4zoo.cli.common import Json, Zoo, stop_for, where
from t4zoo.screen import print_json, progress

commands = typer.Typer()

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@commands.command()
def doctor(
    zoo: Zoo = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read and hash every file, too.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended without losing anything.")] = False,
    days: Annotated[float, typer.Option(help="Age in days at which --fix ends an unfinished upload.")] = 7.0,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Prove that tags, store and zoo agree; exit code 1 if a version cannot be trusted, got or traced back."""
    from t4zoo.zoo.keeping.doctor.examine import Patient, examine
    from t4zoo.zoo.keeping.doctor.report import as_dict, told
    from t4zoo.zoo.layout import load_layout

    place = where(zoo)
    patient = Patient(place.open_zoo(), load_layout(place.repository), place.repository, days)
    with progress("examining") as advance:
        found = examine(patient, lambda title, total: advance, deep)
    acts: list[tuple[str, Callable[[], object]]] = []
    if fix or dry_run:
        from t4zoo.zoo.keeping.doctor.mend import acts as plan
        from t4zoo.zoo.storage.s3 import S3Folder

        acts = plan(found, lambda: S3Folder(patient.zoo.address), patient.layout, patient.repository)
        for words, act in acts:
            print(f"would {words}" if dry_run else words, file=sys.stderr)
            if not dry_run:
                act()
        if acts and not dry_run:
            with progress("examining again") as advance:
                found = examine(patient, lambda title, total: advance, deep)
    print_json(as_dict(found)) if as_json else print(told(found))
    stop_for([], failed=any(finding.severity == "error" for finding in found.findings))
