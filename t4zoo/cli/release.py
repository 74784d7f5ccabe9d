"""Commands that give a version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from t4zoo.screen import print_rich, progress

commands = typer.Typer()


@commands.command()
def release(
    version: Annotated[str, typer.Argument(help="algorithm/model@version, as in CenterPoint/t4base@v1.0.0.")],
    dry_run: Annotated[bool, typer.Option(help="Check everything and show the plan, write nothing.")] = False,
) -> None:
    """Give the committed and pushed state of a model a version: check, copy inside S3, write the manifest, tag."""
    from t4zoo.zoo.releasing.release import Releasing

    releasing = Releasing.here(Path.cwd(), version)
    with progress(f"checking {version}") as advance:
        plan = releasing.plan(advance)
    if dry_run:
        print_rich(releasing.view(plan))
        return
    with progress(f"publishing {version}", len(plan.copies)) as advance:
        outcome = releasing.publish(plan, advance)
    print(releasing.tell(plan, outcome))
