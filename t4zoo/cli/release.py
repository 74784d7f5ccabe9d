"""Commands that give a version."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t4zoo.cli.common import Json, stop_for
from t4zoo.errors import UsageError
from t4zoo.screen import print_json, print_rich, progress

if TYPE_CHECKING:
    from t4zoo.zoo.releasing.gate.contract import Problem

commands = typer.Typer()


@commands.command()
def release(
    version: Annotated[
        str,
        typer.Argument(help="CenterPoint/t4base@v1.0.0, info@v0.3.0 or auto_label/20241101_xx1."),
    ],
    dry_run: Annotated[bool, typer.Option(help="Check everything and show the plan, write nothing.")] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Remove a release that broke off and shall not be finished.")
    ] = False,
    after: Annotated[
        float, typer.Option(help="Minutes without a write after which --abandon takes it for broken off.")
    ] = 15.0,
    as_json: Json = False,
) -> None:
    """Give the committed and pushed state a version: check, copy inside S3, write the manifest, tag."""
    if abandon:
        _abandon(version, after, dry_run, as_json)
        return
    from t4zoo.zoo.releasing.refusal import RefusedError
    from t4zoo.zoo.releasing.release import Releasing
    from t4zoo.zoo.releasing.view import refusal_record

    releasing = Releasing.here(Path.cwd(), version, inspect=partial(_inspect, version))
    try:
        with progress(f"checking {version}") as advance:
            plan = releasing.plan(advance, sure=dry_run)
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


def _abandon(version: str, after: float, dry_run: bool, as_json: bool) -> None:
    from dataclasses import asdict
    from datetime import timedelta

    from t4zoo.zoo.address import find_repository, find_zoo
    from t4zoo.zoo.keeping import abandon as library
    from t4zoo.zoo.layout import load_layout
    from t4zoo.zoo.storage.s3 import S3Folder
    from t4zoo.zoo.version import parse_name

    root = find_repository(Path.cwd())
    zoo = S3Folder(find_zoo(None, root))
    name, quiet = parse_name(version), timedelta(minutes=after)
    planned = library.plan_abandonment(name, zoo, load_layout(root), quiet)
    if not dry_run:
        library.abandon(planned, zoo)
    if as_json:
        print_json({**asdict(planned), "name": str(planned.name)})
    else:
        print(f"{planned}, {'would be' if dry_run else 'are'} removed")


def _inspect(name: str, algorithm: str, folder: Path) -> Sequence[Problem]:
    """What the algorithm's node in Autoware would refuse, and files that say they are another version than `name`."""
    from t4zoo.export.gate import check_bundle

    return check_bundle(algorithm, folder, name.rpartition("@")[2])


@commands.command("next")
def next_version(
    series: Annotated[str, typer.Argument(help="A model, as CenterPoint/t4x2; or info.")],
    project: Annotated[str | None, typer.Option(help="A project's own version: vX.Y.Z-PROJECT.n.")] = None,
    release_: Annotated[bool, typer.Option("--release", help="vX.Y.Z-release, trained on all scenes.")] = False,
    as_json: Json = False,
) -> None:
    """Propose the version that the committed state would be, and say why; write nothing."""
    from t4zoo.zoo.releasing.proposal import Wanted
    from t4zoo.zoo.releasing.propose import propose_here

    if project and release_:
        raise UsageError("--project and --release: a version has one suffix or none; give one of both")
    proposal = propose_here(Path.cwd(), Wanted(series, project, release_))
    if as_json:
        print_json(proposal.record())
    elif proposal.name is not None:
        print(proposal)
    stop_for([] if as_json or proposal.name else [f"no next version yet: {proposal}"], proposal.name is None)
