"""Versions as aligned columns of plain text: ten thousand at once, and the same on a screen and in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from t4zoo.plain import plain
from t4zoo.zoo.reading.index import FIELDS, Row
from t4zoo.zoo.storage.folder import Folder

_HEAD = ("version", "kind", "product", "parent", "mAP", "files", "size", "committed", "")
_RIGHT = (4, 5, 6)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """`t4zoo list`: a line each, below a head; at its end what was said of the version, if anything was."""
    return aligned(_HEAD, map(_cells, rows), _RIGHT)


def aligned(head: Sequence[str], lines: Iterable[Sequence[str]], right: Sequence[int] = ()) -> Iterator[str]:
    """Lines whose columns are as wide as their widest cell. right: the columns whose cells end below each other."""
    cells = [head, *lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    form = "  ".join(f"{{:{'>' if number in right else '<'}{width}}}" for number, width in enumerate(widths))
    return (form.format(*line).rstrip() for line in cells)


def record(row: Row, zoo: Folder) -> dict[str, Any]:
    """What `list --json` says of a version."""
    fields = dict(zip(FIELDS, row, strict=True))
    del fields["manifest"], fields["folder"]
    return {**fields, "manifest_sha256": row.manifest, "url": zoo.address.url_of(row.folder)}


def said_of(row: Row) -> str:
    """What was said of a version since its release, harmless for a screen; "" where nothing was."""
    if row.state == "active":
        return ""
    return plain(f"{row.state}: {row.reason}" if row.reason else row.state)


def human(count: int) -> str:
    """Bytes in the unit that leaves one to three digits."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        plain(row.kind or "-"),
        plain(row.product or "-"),
        plain(", ".join(row.parents) or "-"),
        "-" if row.score is None else f"{row.score:.3f}",
        str(row.files),
        human(row.size),
        plain((row.time or "-")[:10]),
        said_of(row),
    )
