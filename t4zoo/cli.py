"""The `t4zoo` command. Each subcommand imports what it needs when it is called, so that the others start quickly."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t4zoo.errors import SystemRefusal, T4zooError
from t4zoo.screen import print_json, print_rich, progress, records_table

if TYPE_CHECKING:
    from t4zoo.zoo.locate import Where

app = typer.Typer(
    help="T4 datasets in, released and versioned lidar detectors out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

FORMS = "algorithm/model@version, zoo://..., s3://... or https://..."
Name = Annotated[str, typer.Argument(metavar="VERSION", help=f"A version: {FORMS}.")]
Zoo = Annotated[str | None, typer.Option("--zoo", metavar="URL", help="The zoo to read, instead of .dvc/config's.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Role = Annotated[list[str] | None, typer.Option("--role", help="Only files of this role; may be given again.")]


def main() -> None:
    """Run the command; an error of the user's is one line on stderr, and the exit code says what kind it was."""
    try:
        app()
    except (T4zooError, OSError) as error:
        told = SystemRefusal(error) if isinstance(error, OSError) else error
        print(f"error: {told}", file=sys.stderr)
        raise SystemExit(told.exit_code) from None


@app.command()
def sample(
    root: Annotated[Path, typer.Option(help="The data folder to write into.")] = Path("data/t4dataset"),
    as_json: Json = False,
) -> None:
    """Write the sample T4 scenes: a spinning lidar, ray-cast against ground and boxes."""
    from t4zoo.t4.synth import write_samples

    with progress("writing scenes", unit="scenes") as advance:
        report = write_samples(root, progress=advance).to_dict()
    if as_json:
        print_json(report)
    else:
        print_rich(records_table(report["datasets"]))


@app.command()
def serve(
    data: Annotated[Path, typer.Option(help="The folder that holds the objects.")] = Path(".t4zoo/s3"),
) -> None:
    """Run the embedded S3 server here until Ctrl-C, and say how to point DVC at it."""
    from t4zoo.zoo.server import Server, instructions

    with Server(data) as server:
        _until_interrupted(lambda: print(instructions(server), flush=True), server.wait)
    print("stopped; the objects stay where they are")


@app.command()
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


@app.command()
def release(
    version: Annotated[str, typer.Argument(help="algorithm/model@version, as in CenterPoint/t4base@v1.0.0.")],
    dry_run: Annotated[bool, typer.Option(help="Check everything and show the plan, write nothing.")] = False,
) -> None:
    """Give the committed and pushed state of a model a version: check, copy inside S3, write the manifest, tag."""
    from t4zoo.zoo.releasing import Releasing

    releasing = Releasing.here(Path.cwd(), version)
    with progress(f"checking {version}") as advance:
        plan = releasing.plan(advance)
    if dry_run:
        print_rich(releasing.view(plan))
        return
    with progress(f"publishing {version}", len(plan.copies)) as advance:
        outcome = releasing.publish(plan, advance)
    print(releasing.tell(plan, outcome))


@app.command("list")
def list_versions(
    pattern: Annotated[str, typer.Argument(help="A part of the name, or a pattern: 'CenterPoint/*', '*@v1.*'.")] = "*",
    zoo: Zoo = None,
    as_json: Json = False,
) -> None:
    """List the released versions, from their manifests alone."""
    from t4zoo.zoo.catalogue import catalogue
    from t4zoo.zoo.layout import load_layout
    from t4zoo.zoo.table import summary, versions_table

    where = _where(zoo)
    folder = where.open_zoo()
    found = catalogue(folder, load_layout(where.repository), pattern)
    if as_json:
        print_json([summary(released, folder) for released in found.versions])
    elif found.versions:
        print_rich(versions_table(found.versions))
    else:
        print(f"no version fits {pattern!r} in {folder.address.url}", file=sys.stderr)
    _stop_for(found.problems)


@app.command()
def show(version: Name, zoo: Zoo = None, as_json: Json = False) -> None:
    """Show what a version is, where it came from, and its files."""
    from t4zoo.zoo.locate import locate
    from t4zoo.zoo.table import version_view

    located = locate(version, _where(zoo))
    if as_json:
        print(located.released.content.decode(), end="")
    else:
        print_rich(version_view(located.released, located.source))


@app.command()
def pull(
    version: Name,
    to: Annotated[Path, typer.Option(help="The folder to bring it into.")],
    role: Role = None,
    zoo: Zoo = None,
    as_json: Json = False,
) -> None:
    """Bring a version into a folder, each file checked by its sha256. Needs neither git nor DVC."""
    from dataclasses import asdict

    from t4zoo.zoo import pull as library
    from t4zoo.zoo.locate import locate

    located = locate(version, _where(zoo))
    total = sum(file.size for file in library.select(located, role or ()))
    with progress(f"pulling {located.released.name}", total, unit="bytes") as advance:
        pulled = library.pull(located, to, role or (), advance)
    if as_json:
        print_json(asdict(pulled))
    else:
        print(f"{located.released.name} in {to}: {len(pulled.fetched)} files fetched, {len(pulled.kept)} already there")


@app.command()
def verify(
    version: Name,
    folder: Annotated[Path | None, typer.Option("--dir", help="A pulled folder to check instead of the zoo.")] = None,
    role: Role = None,
    zoo: Zoo = None,
    as_json: Json = False,
) -> None:
    """Read every file of a version, in the zoo or in a pulled folder, and compare it with the manifest."""
    from dataclasses import asdict

    from t4zoo.zoo.check import verify_folder, verify_zoo
    from t4zoo.zoo.locate import locate

    located = locate(version, _where(zoo))
    with progress(f"verifying {located.released.name}", len(located.released.manifest.files)) as advance:
        done: Callable[[str], None] = lambda path: advance(1)  # noqa: E731
        report = verify_folder(located, folder, role or (), done) if folder else verify_zoo(located, done)
    if as_json:
        print_json({"name": str(located.released.name), **asdict(report)})
    elif not report.findings:
        print(f"{located.released.name}: {report.files} files are as the manifest says")
        if report.unlisted:
            print("(this server does not list, so files beside them were not looked for)")
    _stop_for([] if as_json else [str(finding) for finding in report.findings], bool(report.findings))


@app.command()
def demo() -> None:
    """Do the whole path on this machine, in a clone below .demo/: T4 scenes in, a released model out."""
    from t4zoo.demo import run

    run(Path.cwd())


def _where(zoo: str | None) -> Where:
    from t4zoo.zoo.address import find_repository
    from t4zoo.zoo.locate import Where

    return Where(zoo, find_repository(Path.cwd()))


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


def _stop_for(problems: Sequence[str], failed: bool = False) -> None:
    """End with exit code 1 if anything was wrong, each problem on a line of stderr."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems or failed:
        raise typer.Exit(1)
