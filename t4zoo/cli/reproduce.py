"""The command that makes a released version again, and says whether it is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from t4zoo.cli.common import Json, Name, Zoo, where
from t4zoo.screen import print_json, print_rich, progress

commands = typer.Typer()


@commands.command()
def reproduce(
    version: Name,
    repository: Annotated[
        str | None, typer.Option(metavar="PATH|URL", help="The git repository that released it; its code is run.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Stands for data/, instead of this repository's own.")
    ] = None,
    train: Annotated[bool, typer.Option("--train", help="Train and evaluate again, too.")] = False,
    tolerance: Annotated[float, typer.Option(help="By how much the mAP of a training may differ.")] = 0.02,
    zoo: Zoo = None,
    as_json: Json = False,
) -> None:
    """Clone the commit of a version, run its cheap stages again, and compare every byte.

    Exit code 0 if it is the same, 1 if it is different, 2 if a stage could not be run.
    """
    from t4zoo.zoo.keeping.reproducing import report as library
    from t4zoo.zoo.keeping.reproducing.reproduce import Wanted
    from t4zoo.zoo.keeping.reproducing.reproduce import reproduce as act

    place = where(zoo)
    wanted = Wanted.here(place, repository, data, tolerance if train else None)
    with progress(f"making {version} again", unit="stages") as advance:
        report = act(version, place, wanted, advance)
    print_json(library.as_json(report)) if as_json else print_rich(library.view(report))
    raise typer.Exit(report.exit_code)
