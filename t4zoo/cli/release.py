"""Commands that give a version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from t4zoo.cli.common import Json
from t4zoo.screen import print_json, print_rich, progress

commands = typer.Typer()


@commands.command()
def release(
    version: Annotated[
        str,
        typer.Argument(help="CenterPoint/t4base@v1.0.0, info@v0.3.0 or auto_label/20241101_xx1."),
    ],
    dry_run: Annotated[bool, typer.Option(help="Check everything and show the plan, write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Give the committed and pushed state a version: check, copy inside S3, write the manifest, tag."""
    from t4zoo.export.gate import check_bundle
    from t4zoo.zoo.releasing.refusal import RefusedError
    from t4zoo.zoo.releasing.release import Releasing
    from t4zoo.zoo.releasing.view import refusal_record

    releasing = Releasing.here(Path.cwd(), version, inspect=check_bundle)
    try:
        with progress(f"checking {version}") as advance:
            plan = releasing.plan(advance)
    except RefusedError as refused:
        if not as_json:
            raise
        print_json(refusal_record(version, refused.refusals))
        raise typer.Exit(RefusedError.exit_code) from None
    if dry_run:
        print_json(releasing.record(plan)) if as_json else print_rich(releasing.view(plan))
        return
    with progress(f"publishing {version}", len(plan.copies)) as advance:
        outcome = releasing.publish(plan, advance)
    if as_json:
        print_json({**releasing.record(plan), "requests": releasing.requests, "warning": outcome.warning})
    else:
        print(releasing.tell(plan, outcome))
