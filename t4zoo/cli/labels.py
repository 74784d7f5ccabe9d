"""Commands that judge auto-labels; they need neither a GPU nor torch, and change nothing that they read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t4zoo.cli.common import Json
from t4zoo.plain import plain
from t4zoo.screen import print_json, print_lines, print_note, print_rich, progress

if TYPE_CHECKING:
    from t4zoo.labels.tables import Table

commands = typer.Typer()
labels = typer.Typer(help="Judge auto-labels: with ground truth, without it, and against other labels.")
commands.add_typer(labels, name="labels", no_args_is_help=True)

Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write the report's files into this folder.")]
_FOLDER = "An auto_label folder, here or pulled."


@labels.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="AUTO_LABEL_FOLDER", help=_FOLDER)],
    truth: Annotated[
        Path | None, typer.Option(help="Ground truth: an info file, or a folder of annotated scenes of the same ids.")
    ] = None,
    categories: Annotated[
        Path | None, typer.Option("--labels", help="A file of conf/labels/, where --truth holds raw categories.")
    ] = None,
    out: Out = None,
    as_json: Json = False,
    precision: Annotated[float, typer.Option(help="The share of right labels that thresholds are to reach.")] = 0.9,
    distance: Annotated[float, typer.Option(help="Centres nearer than this are one object, in metres.")] = 2.0,
    ranges: Annotated[str, typer.Option(help="Where range bands begin and end, in metres.")] = "0,20,40,60,90,120",
    enough: Annotated[int, typer.Option(min=1, help="Objects of a class without which nothing is suggested.")] = 10,
    model: Annotated[
        list[str] | None, typer.Option(help="Only the raw predictions of this {algorithm}-{model}; again for more.")
    ] = None,
    ensemble: Annotated[
        Path | None, typer.Option(help="The file of conf/ensemble/, instead of the one that params.yaml names.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="A CenterPoint bundle, instead of models/CenterPoint/{model}/export.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Where the scenes' clouds are, for pictures.")] = None,
    pictures: Annotated[int, typer.Option(min=0, help="Of how many frames.")] = 8,
    max_speed: Annotated[float, typer.Option(help="No object is faster, in metres a second.")] = 40.0,
    few_points: Annotated[int, typer.Option(min=0, help="Labels with fewer lidar points are counted as poor.")] = 5,
) -> None:
    """Judge the labels of a set, and the raw predictions that they were made of.

    With ground truth: precision, recall and AP by class, range and threshold, and the thresholds that reach a wanted
    precision, written as copies of the ensemble file and of the bundle's min_confidence_scores. In any case: counts by
    class, range and threshold, tracks, jumps, and pictures of the frames that most need a look. docs/labels.md explains
    every figure.
    """
    from t4zoo.labels.question import Given, question
    from t4zoo.labels.report import report as library
    from t4zoo.labels.settings import Settings, edges_of
    from t4zoo.labels.tables import of_report
    from t4zoo.labels.writing import heading, refuse_inputs, write_report

    settings = Settings(
        precision=precision, distance=distance, edges=edges_of(ranges), enough=enough,
        pictures=pictures, max_speed=max_speed, few_points=few_points,
    )  # fmt: skip
    given = Given(folder, tuple(model or ()), truth, categories, ensemble, bundle, data)
    if out:
        refuse_inputs(out, [path for path in (folder, truth, bundle) if path])
    asked = question(given, settings)
    with progress(f"judging {folder.name}", len(asked.folder.scenes), unit="scenes") as advance:
        made = library(asked, advance)
    if out:
        with progress("drawing", len(made.looks), unit="pictures") as advance:
            write_report(out, asked, made, advance)
    if as_json:
        print_json(made.data)
        return
    print_lines(heading(made.data))
    _show(of_report(made.data))
    if out:
        files = "".join(f"\n  {out / name}" for name in sorted(made.files))
        print_note(f"\nwrote {out / 'report.md'}" + (f", and suggestions to look at:{files}" if files else ""))
    else:
        print_note("\n--out DIR writes all tables, suggested files and pictures")


@labels.command()
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help=_FOLDER)],
    b: Annotated[Path, typer.Argument(metavar="B", help="Labels of the same scenes, made otherwise.")],
    out: Out = None,
    as_json: Json = False,
    near: Annotated[float, typer.Option(help="Boxes without the same id are one object when nearer, in metres.")] = 1.0,
    moved: Annotated[
        float, typer.Option(help="A box has moved when it is farther from where it was, in metres.")
    ] = 0.1,
) -> None:
    """Show what another threshold, model or version changes: boxes in A or B alone, moved, of another class or score.

    Boxes are matched by their ids, which a threshold does not change, then by distance within their class, then across
    classes. A released set is compared after `t4zoo pull auto_label/{set} --to DIR`.
    """
    from t4zoo.labels.comparison import compare, tables, unchanged
    from t4zoo.labels.difference import Partner
    from t4zoo.labels.folder import open_folder
    from t4zoo.labels.writing import refuse_inputs, write_comparison

    partner = Partner(near, moved)
    if out:
        refuse_inputs(out, (a, b))
    sides = open_folder(a), open_folder(b)
    with progress("comparing", len({*sides[0].labels.scenes, *sides[1].labels.scenes}), unit="scenes") as advance:
        found = compare(*sides, partner, advance)
    shown = tables(found)
    if out:
        write_comparison(out, found, shown)
    if as_json:
        print_json(found)
        return
    print_lines(plain(line) for line in found["log"])
    _show(shown)
    if unchanged(found):
        print("the labels are the same")


def _show(tables: Sequence[Table]) -> None:
    from rich.table import Table as Shown
    from rich.text import Text

    for table in tables:
        if table.brief:
            view = Shown(box=None, header_style="bold", pad_edge=False)
            for name, numeric in zip(table.columns, table.numeric, strict=True):
                view.add_column(name, justify="right" if numeric else "left", overflow="fold")
            for cells in table.texts:
                view.add_row(*cells)
            print_lines(("", table.title.upper()))
            if table.note:
                print_rich(Text(plain(table.note)))
            print_rich(view, whole=True)
