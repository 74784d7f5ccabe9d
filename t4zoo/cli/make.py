"""Commands that make something on this machine: sample data, a server, a team's repository, the demo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from t4zoo.cli.common import Json
from t4zoo.errors import UsageError
from t4zoo.screen import print_json, print_rich, progress, records_table

commands = typer.Typer()


@commands.command()
def sample(
    root: Annotated[Path, typer.Option(help="The data folder to write into.")] = Path("data/t4dataset"),
    full: Annotated[bool, typer.Option(help="The further sets of the full demo too.")] = False,
    as_json: Json = False,
) -> None:
    """Write the sample T4 scenes: a spinning lidar, ray-cast against ground and boxes."""
    from t4zoo.t4.synth import write_samples

    with progress("writing scenes", unit="scenes") as advance:
        report = write_samples(root, progress=advance, further=full).to_dict()
    if as_json:
        print_json(report)
    else:
        print_rich(records_table(report["datasets"]))


@commands.command()
def link(
    folder: Annotated[Path, typer.Argument(help="Pseudo scenes, as in pseudo_t4dataset/20241101_xx1.")],
    root: Annotated[Path, typer.Option(help="The data folder with the scenes that were labelled.")] = Path(
        "data/t4dataset"
    ),
) -> None:
    """Link pulled pseudo scenes to their clouds again, for tools that open a scene as a folder; training needs none."""
    from t4zoo.autolabel.link import link_again

    print(f"linked {link_again(folder, root)} scenes in {folder} to their data below {root}")


@commands.command()
def serve(
    data: Annotated[Path, typer.Option(help="The folder that holds the objects.")] = Path(".t4zoo/s3"),
) -> None:
    """Run the embedded S3 server here until Ctrl-C, and say how to point DVC at it."""
    from t4zoo.zoo.policy import of_users
    from t4zoo.zoo.storage.server import BUCKET, Server, instructions

    with Server(data, policies=of_users(Path.cwd(), BUCKET)) as server:
        _until_interrupted(lambda: print(instructions(server), flush=True), server.wait)
    print("stopped; the objects stay where they are")


@commands.command()
def init(
    url: Annotated[str, typer.Option(help="The team's folder in S3, as in s3://bucket/prefix.")],
    endpoint: Annotated[str | None, typer.Option(help="The S3 service, where it is not Amazon's.")] = None,
    save_credentials: Annotated[bool, typer.Option(help="Put AWS_* credentials in .dvc/config.local.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be written.")] = False,
) -> None:
    """Make this copy of the template a team's own repository: its remotes, its params.yaml, its first commit."""
    from t4zoo.zoo import init as library

    root = Path.cwd()
    plan = library.plan_init(root, url, endpoint, save_credentials)
    library.probe(root, url, endpoint, write=not dry_run)
    for write in plan.writes:
        print(f"{'would write' if dry_run else 'writes'} {write.path.relative_to(root)}")
    if plan.commit:
        print("would make a git repository and its first commit" if dry_run else "makes a git repository")
    if not dry_run:
        library.act(plan, root)
    if not plan.writes and not plan.commit:
        print("nothing to do: it is set up already")
    elif plan.writes and not plan.commit and not dry_run:
        print("now look at `git diff`, and commit")


@commands.command()
def policy(
    role: Annotated[str, typer.Argument(help="reader, trainer, publisher, publisher-write-once; or public.")],
    url: Annotated[str | None, typer.Option(help="The team's folder in S3, instead of .dvc/config's.")] = None,
) -> None:
    """Print the least rights of a role in S3, in Amazon's language; docs/security.md says what to do with it."""
    from t4zoo.zoo.policy import below, here, render

    print_json(render(role, *(below(url) if url else here(Path.cwd()))))


@commands.command()
def demo(
    full: Annotated[
        bool, typer.Option(help="Three detectors, a chain of five models, labels of two: 15 minutes.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="With --full: train so long only, to see the path and not the metrics.")
    ] = None,
) -> None:
    """Do the whole path on this machine, in a clone below .demo/: T4 scenes in, a released model out."""
    from t4zoo.demo import full as everything
    from t4zoo.demo import short

    if epochs is not None and not full:
        raise UsageError(f"--epochs {epochs}: shortens the full demo alone; give --full too, or leave it out")
    if full:
        everything.run(Path.cwd(), epochs)
    else:
        short.run(Path.cwd())


def _until_interrupted(*actions: Callable[[], None]) -> None:
    """Do these until Ctrl-C, or until the process is asked to end."""
    import signal

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        for action in actions:
            action()
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
