"""One info file made of another: a pickle, its Parquet twin, or the layout of AWML or mmdet3d."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from t4zoo.errors import UsageError
from t4zoo.info import InfoError, pickling_for, saving
from t4zoo.info_files.layouts import LAYOUTS, OURS, extra_of, laid_out
from t4zoo.info_files.opened import Opened, open_info
from t4zoo.parquet import scenes_of, writing


class Converted(NamedTuple):
    """frames: how many were written. lost: what was left out -> in how many frames."""

    frames: int
    lost: dict[str, int]


def convert(
    source: Path, out: Path, layout: str | None = None, advance: Callable[[int], None] = lambda frames: None
) -> Converted:
    """Write `out` whole or not at all: a .pkl in the layout (ours, where None), or a .parquet.

    Equal sources give equal bytes. Of a .parquet, a scene is in memory at a time; of a .pkl all is, as long as it runs.
    Raises UsageError for suffixes and layouts that there are not, InfoError or ParquetError for a source that is not
    understood.
    """
    _check(source, out, layout)
    opened = open_info(source)
    name = layout or OURS
    try:
        if out.suffix == ".parquet":
            _to_parquet(opened, out, advance)
        else:
            _to_pickle(opened, out, name, advance)
    except (TypeError, ValueError, OverflowError) as error:
        raise InfoError(f"{source}: holds what has no place in an info file: {error}") from error
    return Converted(len(opened), opened.unknown())


def _to_parquet(opened: Opened, out: Path, advance: Callable[[int], None]) -> None:
    form = opened.form
    with writing(out, form.classes, form.version, form.extra) as add:
        for frames in scenes_of(opened.frames()):
            add(frames)
            advance(len(frames))


def _to_pickle(opened: Opened, out: Path, layout: str, advance: Callable[[int], None]) -> None:
    form, pickling = opened.form, pickling_for(opened.form.classes)
    with saving(out, form.classes, form.version, extra_of(layout, form)) as write:
        for frames in scenes_of(opened.frames()):
            write.add_pickled(laid_out(layout, frames, pickling))
            advance(len(frames))


def _check(source: Path, out: Path, layout: str | None) -> None:
    if out.suffix not in (".pkl", ".parquet"):
        raise UsageError(f"{out}: let it end in .pkl or .parquet")
    if layout is not None and layout not in LAYOUTS:
        raise UsageError(f"--to {layout}: choose from {', '.join(LAYOUTS)}")
    if layout not in (None, OURS) and out.suffix == ".parquet":
        raise UsageError(f"{out}: {layout} reads pickles only; let it end in .pkl")
    if out.is_dir():
        raise UsageError(f"{out}: a folder; give a file that ends in .pkl or .parquet")
    if source.exists() and out.exists() and source.samefile(out):
        raise UsageError(f"{out}: is the file that is to be read; write elsewhere")
