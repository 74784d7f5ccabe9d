"""Commands that read the zoo; none needs git or DVC."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from t4zoo.cli.common import Json, Name, Role, Zoo, stop_for, where
from t4zoo.screen import print_json, print_rich, progress

commands = typer.Typer()


@commands.command("list")
def list_versions(
    pattern: Annotated[str, typer.Argument(help="A part of the name, or a pattern: 'CenterPoint/*', '*@v1.*'.")] = "*",
    zoo: Zoo = None,
    as_json: Json = False,
) -> None:
    """List the released versions, from their manifests alone."""
    from t4zoo.zoo.layout import load_layout
    from t4zoo.zoo.reading.catalogue import catalogue
    from t4zoo.zoo.reading.table import summary, versions_table

    place = where(zoo)
    folder = place.open_zoo()
    found = catalogue(folder, load_layout(place.repository), pattern)
    if as_json:
        print_json([summary(released, folder) for released in found.versions])
    elif found.versions:
        print_rich(versions_table(found.versions))
    else:
        print(f"no version fits {pattern!r} in {folder.address.url}", file=sys.stderr)
    stop_for(found.problems)


@commands.command()
def show(version: Name, zoo: Zoo = None, as_json: Json = False) -> None:
    """Show what a version is, where it came from, and its files."""
    from t4zoo.zoo.reading.locate import locate
    from t4zoo.zoo.reading.table import version_view

    located = locate(version, where(zoo))
    if as_json:
        print(located.released.content.decode(), end="")
    else:
        print_rich(version_view(located.released, located.source))


@commands.command()
def pull(
    version: Name,
    to: Annotated[Path, typer.Option(help="The folder to bring it into.")],
    role: Role = None,
    zoo: Zoo = None,
    as_json: Json = False,
) -> None:
    """Bring a version into a folder, each file checked by its sha256. Needs neither git nor DVC."""
    from dataclasses import asdict

    from t4zoo.zoo.reading import pull as library
    from t4zoo.zoo.reading.locate import locate

    located = locate(version, where(zoo))
    total = sum(file.size for file in library.select(located, role or ()))
    with progress(f"pulling {located.released.name}", total, unit="bytes") as advance:
        pulled = library.pull(located, to, role or (), advance)
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
    from t4zoo.zoo.reading.verify import verify_folder, verify_zoo

    located = locate(version, where(zoo))
    with progress(f"verifying {located.released.name}", len(located.released.manifest.files)) as advance:
        done: Callable[[str], None] = lambda path: advance(1)  # noqa: E731
        report = verify_folder(located, folder, role or (), done) if folder else verify_zoo(located, done)
    if as_json:
        print_json({"name": str(located.released.name), **asdict(report)})
    elif not report.findings:
        print(f"{located.released.name}: {report.files} files are as the manifest says")
        if report.unlisted:
            print("(this server does not list, so files beside them were not looked for)")
    stop_for([] if as_json else [str(finding) for finding in report.findings], bool(report.findings))
