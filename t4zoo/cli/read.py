"""Commands that read the zoo; none needs git or DVC."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t4zoo.cli.common import FORMS, NAMES, Json, Name, Role, Zoo, stop_for, where
from t4zoo.cli.completion import versions
from t4zoo.screen import print_document, print_json, print_lines, print_note, print_records, print_rich, progress

if TYPE_CHECKING:
    from t4zoo.zoo.reading.locate import Located

commands = typer.Typer()


@commands.command("list")
def list_versions(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATTERN", help="Parts of names, or 'CenterPoint/*', '*@v1.*', 'info@*'."),
    ] = None,
    zoo: Zoo = None,
    everything: Annotated[bool, typer.Option("--all", help="Yanked versions too.")] = False,
    as_json: Json = False,
) -> None:
    """List the released versions, in one request: from the zoo's index."""
    from t4zoo.zoo.reading.columns import record, table
    from t4zoo.zoo.reading.rows import YANKED, choose, read_rows

    place = where(zoo)
    folder = place.open_zoo()
    found = read_rows(folder, place.repository)
    fitting = choose(found.rows, patterns or ())
    rows = [row for row in fitting if everything or row.state != YANKED]
    if as_json:
        print_records(record(row, folder) for row in rows)
    elif rows:
        print_lines(table(rows))
    hidden = len(fitting) - len(rows)
    if hidden:
        print_note(f"{hidden} yanked {'version is' if hidden == 1 else 'versions are'} not shown; --all shows all")
    elif not rows and not as_json:
        print_note(f"no version fits {' '.join(patterns or ('*',))!r} in {folder.address.url}")
    if found.hint:
        print_note(found.hint)
    stop_for(found.problems)


@commands.command()
def show(version: Name, zoo: Zoo = None, as_json: Json = False) -> None:
    """Show what a version is, where it came from, and its files."""
    from t4zoo.zoo.reading.lineage import line_of
    from t4zoo.zoo.reading.locate import locate
    from t4zoo.zoo.reading.table import version_view

    located = locate(version, where(zoo))
    if as_json:
        _heed(located)
        print_document(located.released.content.decode())
    else:
        print_rich(version_view(located, line_of(located)))


@commands.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=f"A version: {FORMS}.", autocompletion=versions)],
    b: Annotated[
        str, typer.Argument(metavar="B", help="The version that it is compared with.", autocompletion=versions)
    ],
    zoo: Zoo = None,
    everything: Annotated[bool, typer.Option("--all", help="Every figure, not only mAP and AP.")] = False,
    as_json: Json = False,
) -> None:
    """Compare two versions: metrics by class and range, scenes, what the node reads, config, files, packages."""
    from t4zoo.zoo.reading import compare as library
    from t4zoo.zoo.reading.configs import difference
    from t4zoo.zoo.reading.locate import locate
    from t4zoo.zoo.reading.sides import record, view

    sides = [locate(text, where(zoo)) for text in (a, b)]
    for located in sides:
        _heed(located)
    found = library.compare(*(located.released.manifest for located in sides))
    config = difference(*sides)
    if as_json:
        print_json(record(found, config))
    else:
        print_lines(view(found, config, everything))


@commands.command()
def lineage(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help=f"A version of the zoo: {NAMES}.", autocompletion=versions)
    ],
    zoo: Zoo = None,
    as_json: Json = False,
) -> None:
    """Show what a version was made from, up to the root, and every version that was made from it."""
    from t4zoo.zoo.reading.lineage import records, trace, view

    with progress("reading manifests") as advance:
        found, rows = trace(version, where(zoo), advance)
    if as_json:
        print_json(records(found))
    else:
        print_lines(view(found))
    if rows.hint:
        print_note(rows.hint)
    stop_for(rows.problems)


@commands.command()
def cat(
    version: Name,
    file: Annotated[
        str | None, typer.Argument(help="Its path in the version; a zoo:// reference may end in it.")
    ] = None,
    zoo: Zoo = None,
) -> None:
    """Write one file of a version to stdout, byte for byte, checked by its sha256.

    A small file is checked before its first byte is written. A large one streams, and is checked at its end: where that
    fails the command ends with exit code 1, and nothing of what it wrote may be trusted.
    """
    import sys

    from t4zoo.zoo.reading.cat import named, stream

    located, chosen = named(version, file, where(zoo))
    _heed(located)
    for chunk in stream(located, chosen):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


@commands.command()
def pull(
    version: Name,
    to: Annotated[Path, typer.Option(help="The folder to bring it into.")],
    role: Role = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copies to change, instead of read-only links.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the zoo again about a version pulled before.")
    ] = False,
    zoo: Zoo = None,
    as_json: Json = False,
) -> None:
    """Bring a version into a folder, each file checked by its sha256. Needs neither git nor DVC.

    A pull that was stopped goes on where it was. A version that was pulled before on this machine comes from its cache
    (T4ZOO_CACHE), without a request.
    """
    from dataclasses import asdict, replace

    from t4zoo.zoo.reading import pull as library
    from t4zoo.zoo.reading.locate import locate

    located = locate(version, replace(where(zoo), remembered=True, refresh=refresh))
    _heed(located)
    if located.warning and not located.source.requests:
        print_note("(so it was when this was asked last; --refresh asks the zoo again)")
    total = sum(file.size for file in library.select(located, role or ()))
    with progress(f"pulling {located.released.name}", total, unit="bytes") as advance:
        pulled = library.pull(located, to, role or (), advance, own=copy)
    if as_json:
        print_json(asdict(pulled))
    else:
        print(f"{located.released.name} in {to}: {len(pulled.fetched)} files fetched, {len(pulled.kept)} already there")


@commands.command()
def verify(
    version: Name,
    folder: Annotated[Path | None, typer.Option("--dir", help="A pulled folder to check instead of the zoo.")] = None,
    role: Role = None,
    zoo: Zoo = None,
    as_json: Json = False,
) -> None:
    """Read every file of a version, in the zoo or in a pulled folder, and compare it with the manifest."""
    from dataclasses import asdict

    from t4zoo.zoo.reading.locate import locate
    from t4zoo.zoo.reading.pull import select
    from t4zoo.zoo.reading.verify import verify_folder, verify_zoo

    located = locate(version, where(zoo))
    _heed(located)
    with progress(f"verifying {located.released.name}", len(select(located, role or ()))) as advance:
        done: Callable[[str], None] = lambda path: advance(1)  # noqa: E731
        report = verify_folder(located, folder, role or (), done) if folder else verify_zoo(located, done, role or ())
    if as_json:
        print_json({"name": str(located.released.name), **asdict(report)})
    elif not report.findings:
        print(f"{located.released.name}: {report.files} files are as the manifest says")
        if report.unlisted:
            print("(this server does not list, so files beside them were not looked for)")
    stop_for([] if as_json else [str(finding) for finding in report.findings], bool(report.findings))


def _heed(located: Located) -> None:
    """Say on stderr what was said of a version since its release."""
    if located.warning:
        print_note(f"warning: {located.warning}")
