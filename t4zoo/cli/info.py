"""Commands that look at info files, ours and others', and convert them; nothing in a file is ever run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t4zoo.cli.common import Json
from t4zoo.errors import T4zooError
from t4zoo.plain import plain
from t4zoo.screen import print_error, print_json, print_lines, print_note, print_rich, progress

if TYPE_CHECKING:
    from t4zoo.labels.tables import Table

commands = typer.Typer()
info = typer.Typer(help="Info files: what one holds, what differs between two, and one form made of another.")
commands.add_typer(info, name="info", no_args_is_help=True)

_FILE = "An info file of t4zoo, AWML or mmdet3d (.pkl), or a Parquet twin (.parquet)."


@info.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_FILE)],
    frame: Annotated[
        str | None, typer.Option(metavar="N|TOKEN", help="One frame: its place in the file, from 0, or its token.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what an info file holds: classes, scenes, frames, objects by class, earlier clouds, and what is not known.

    A .parquet is read scene by scene. A .pkl has to be read whole: it takes about seven times its size of memory.
    """
    from t4zoo.info_files import one_frame, summary
    from t4zoo.info_files.opened import open_info

    opened = open_info(file)
    if frame is not None:
        found = one_frame.find(opened, frame)
        _tell(found, list(one_frame.lines(found)), one_frame.tables(found), as_json)
        return
    with progress(f"reading {file.name}", len(opened), unit="frames") as advance:
        told = summary.summarise(opened, advance)
    _tell(told, list(summary.heading(told)), summary.tables(told), as_json)


@info.command()
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help=_FILE)],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another; their forms may differ.")],
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code says it.")] = False,
    near: Annotated[float, typer.Option(help="Boxes without a common token are one object when nearer, in m.")] = 1.0,
    tolerance: Annotated[float, typer.Option(help="Numbers that differ by no more are equal.")] = 1e-6,
) -> None:
    """Show what differs: metainfo, scenes, frames and their fields, and boxes one by one.

    Frames are matched by scene and token; boxes by token, then by distance. Ends as diff does: 0 where the files say
    the same, 1 where they differ, 2 where one cannot be read.
    """
    from t4zoo.info_files.box_changes import Rules
    from t4zoo.info_files.comparison import compared, lines, tables
    from t4zoo.info_files.difference import difference
    from t4zoo.info_files.opened import open_info

    try:
        rules, sides = Rules(near, tolerance), (open_info(a), open_info(b))
        scenes = {*sides[0].scenes, *sides[1].scenes}
        with progress("comparing", len(scenes), unit="scenes") as advance:
            found = difference(*sides, rules, advance)
    except T4zooError as error:
        print_error(str(error))
        raise typer.Exit(2) from None
    if not quiet:
        told = compared(str(a), str(b), found)
        _tell(told, [*lines(told), *(["the files say the same"] if found.same else [])], tables(told), as_json)
    if not found.same:
        raise typer.Exit(1)


@info.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help=_FILE)],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, whole: .pkl or .parquet.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="LAYOUT", help="Of a .pkl: t4zoo (default), awml or mmdet3d.")
    ] = None,
) -> None:
    """Make a Parquet twin of an info file, or an info file of its twin; the same input gives the same bytes.

    Between t4zoo's own files nothing is lost. What a foreign file holds beside, and t4zoo has no place for, is named.
    AWML's and mmdet3d's classes read the t4zoo layout; --to leaves out what their own files do not have.
    """
    from t4zoo.info_files.conversion import convert as library

    with progress(f"writing {out.name}", unit="frames") as advance:
        made = library(source, out, to, advance)
    for key, frames in made.lost.items():
        print_note(f"left out: {key}, of {frames:,} frames")
    print_note(f"wrote {out}: {made.frames:,} frames")


def _tell(data: object, lines: Sequence[str], tables: Sequence[Table], as_json: bool) -> None:
    from rich.table import Table as Shown

    if as_json:
        print_json(data)
        return
    print_lines(plain(line) for line in lines)
    for table in tables:
        view = Shown(box=None, header_style="bold", pad_edge=False)
        for name, numeric in zip(table.columns, table.numeric, strict=True):
            view.add_column(name, justify="right" if numeric else "left", overflow="fold")
        for cells in table.texts:
            view.add_row(*cells)
        print_lines(("", table.title.upper(), *([plain(table.note)] if table.note else [])))
        print_rich(view)
