"""What the command puts on the screen: JSON, tables, progress; results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from t4zoo.plain import plain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

Advance = Callable[[int | str], None]  # by so many units, or by one thing of that name

PAUSE = 0.1  # [s] between two pictures of a bar without a thread


def print_json(data: Any) -> None:
    """One JSON document, for scripts."""
    print(_visible(json.dumps(data, indent=2, ensure_ascii=False, default=str)))


def print_records(records: Iterable[dict[str, Any]]) -> None:
    """One JSON document, for scripts: a list with a record a line, which ten thousand are written fast as."""
    lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    print(_visible(f"[\n{lines}\n]" if lines else "[]"))


def print_document(text: str) -> None:
    """JSON as it stands, byte for byte in a file or pipe; on a screen made harmless."""
    sys.stdout.write(_visible(text) if sys.stdout.isatty() else text)


def print_lines(lines: Iterable[str]) -> None:
    """Text that is harmless already."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def print_note(text: str) -> None:
    """What a person should know beside the result, on stderr; it may quote a stranger."""
    print(plain(text, keep=chr(10)), file=sys.stderr)


def _visible(document: str) -> str:
    """The same JSON, with an escape for each character that a terminal would obey: such are in its texts alone."""
    if document.isascii():
        return document  # JSON escapes the control characters of ASCII itself, but for one
    return "".join(c if c == "\n" or plain(c) == c else json.dumps(c)[1:-1] for c in document)


def print_rich(view: RenderableType, whole: bool = False) -> None:
    """A table or text; into a file or pipe it is never cut to the width of a screen. Its words may be a stranger's.

    whole: lines run over on a narrow screen, where words and numbers would be cut apart otherwise.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.text import Text

    class Harmless(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(plain(text, keep="\n"), **options)

    console = Harmless(highlight=False) if sys.stdout.isatty() else Harmless(highlight=False, width=200)
    if whole:
        needed = Measurement.get(console, console.options.update(width=10_000), view).maximum
        console.width = max(console.width, needed)
    console.print(view, markup=False)


def print_error(text: str) -> None:
    """A line on stderr, which may quote a stranger."""
    print(f"error: {plain(text, keep=chr(10))}", file=sys.stderr)


def records_table(records: Sequence[dict[str, Any]]) -> Table:
    """Records with the same fields, a line each."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, value in (records[0] if records else {}).items():
        table.add_column(name.replace("_", " "), justify="right" if isinstance(value, int) else "left", overflow="fold")
    for record in records:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in record.values()))
    return table


@contextmanager
def progress(title: str, total: int | None = None, unit: str = "files", alone: bool = False) -> Iterator[Advance]:
    """A bar on stderr while the body runs, where stderr is a screen. Yields what the body calls as it advances.

    alone: the bar has no thread, so that the body can fork processes; it moves when the body advances, and only then.
    """
    if not sys.stderr.isatty():  # a script need not wait for the bar's own start-up
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    count = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), count)
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, auto_refresh=not alone) as bar:
        task, drawn = bar.add_task(title, total=total), 0.0

        def advance(step: int | str) -> None:
            nonlocal drawn
            bar.advance(task, step if isinstance(step, int) else 1)
            if alone and time.monotonic() - drawn > PAUSE:
                bar.refresh()
                drawn = time.monotonic()

        yield advance
