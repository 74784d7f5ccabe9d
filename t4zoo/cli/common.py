"""What several commands share: their options, where they look, and how they end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t4zoo.cli.completion import versions
from t4zoo.screen import print_error

if TYPE_CHECKING:
    from t4zoo.zoo.reading.where import Where

NAMES = "algorithm/model@version, info@version or auto_label/set"
FORMS = f"{NAMES}, zoo://..., s3://... or https://..."
Name = Annotated[str, typer.Argument(metavar="VERSION", help=f"A version: {FORMS}.", autocompletion=versions)]
Zoo = Annotated[str | None, typer.Option("--zoo", metavar="URL", help="The zoo to read, instead of .dvc/config's.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Role = Annotated[list[str] | None, typer.Option("--role", help="Only files of this role; may be given again.")]


def where(zoo: str | None) -> Where:
    """What a command that reads the zoo knows of its surroundings."""
    from t4zoo.zoo.address import find_repository
    from t4zoo.zoo.reading.where import Where

    return Where(zoo, find_repository(Path.cwd()))


def stop_for(problems: Sequence[str], failed: bool = False) -> None:
    """End with exit code 1 if anything was wrong, each problem on a line of stderr."""
    for problem in problems:
        print_error(problem)
    if problems or failed:
        raise typer.Exit(1)
