"""The `t4zoo` command: its groups put together, and how an error is told."""

from __future__ import annotations

import gc

import typer

from t4zoo.cli import adopt, dataset, info, keep, labels, make, read, release, reproduce, source, t4
from t4zoo.errors import SystemRefusal, T4zooError
from t4zoo.screen import print_error

app = typer.Typer(
    help="T4 datasets in, released and versioned lidar detectors out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
source.add_to(dataset.dataset)
for group in (make, release, read, dataset, info, labels, t4, keep, adopt, reproduce):
    app.add_typer(group.commands)


def main() -> None:
    """Run the command; an error of the user's is one line on stderr, and the exit code says what kind it was."""
    gc.set_threshold(100_000)  # a short command ends before it has garbage worth the search: a tenth of its time
    try:
        app()
    except (T4zooError, OSError) as error:
        told = SystemRefusal(error) if isinstance(error, OSError) else error
        print_error(str(told))
        raise SystemExit(told.exit_code) from None
