"""The tables of a report and of a difference, for a screen and for Markdown alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from t4zoo.labels.figures import Data

MOST = 100  # jumps in a table

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """title, a sentence on how to read it, and rows with the same keys. brief: whether a screen shows it."""

    title: str
    note: str
    rows: Sequence[dict[str, Cell]]
    brief: bool = False

    @property
    def columns(self) -> list[str]:
        """The heads, as they are shown."""
        return [name.replace("_", " ") for name in (self.rows[0] if self.rows else {})]

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers alone."""
        columns = zip(*(row.values() for row in self.rows), strict=True)
        return [not any(isinstance(value, str) for value in column) for column in columns]

    @property
    def texts(self) -> Iterator[list[str]]:
        """The cells of each row as they are shown."""
        return ([shown(value) for value in row.values()] for row in self.rows)


def shown(value: Cell) -> str:
    """A cell: three decimals, thousands apart, a dash for what is not known."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else value


def markdown(title: str, lines: Sequence[str], tables: Sequence[Table], pictures: Sequence[tuple[str, str]]) -> str:
    """The text of report.md; pictures: what is seen, and the file beside it."""
    parts = [f"# {_safe(title)}", *(_safe(line) for line in lines)]
    for table in tables:
        rows = [_line(table.columns), _line("---:" if numeric else "---" for numeric in table.numeric)]
        rows += [_line(map(_safe, cells)) for cells in table.texts]
        parts += [f"## {table.title}", table.note, "\n".join(rows)]
    parts += [f"![{_safe(told)}]({file})" for told, file in pictures]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _safe(text: str) -> str:
    """Words of a file that may be a stranger's: no table, link or markup of theirs."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return "".join(f"\\{c}" if c in "\\|<>[]`*_" else c for c in kept)


def of_report(data: Data) -> list[Table]:
    """The tables of a report; those without rows are left out."""
    tables = [*_truth(data), *_suggested(data), *_labels(data), *_counts(data), *_looks(data)]
    return [table for table in tables if table.rows]


def _truth(data: Data) -> Iterator[Table]:
    truth, settings = data["truth"], data["settings"]
    if truth is None:
        return
    everything, *bands = _by_band(truth["judged"])
    near = f"{settings['distance']:g} m"
    note = f"A box is right when it is the best one nearer than {near} to an object of its class, seen from above."
    yield Table("Against the ground truth", note, [_figures(row) for row in everything], brief=True)
    rows = [_figures(row, _range(row)) for band in bands for row in band if row["objects"] or row["boxes"]]
    yield Table("By range", "Distance of the box's centre from the ego [m].", rows)
    for what in ("precision", "recall"):
        cells = [_who(row) | row[f"{what}_at"] for row in everything]
        yield Table(f"{what.capitalize()} by threshold", "If boxes with less than this score were dropped.", cells)


def _by_band(rows: Sequence[Data]) -> list[list[Data]]:
    bands: dict[tuple[float, ...], list[Data]] = {}
    for row in rows:
        bands.setdefault(tuple(row["range_m"]), []).append(row)
    return list(bands.values()) or [[]]


def _who(row: Data, within: str | None = None) -> dict[str, Cell]:
    return {"whose": row["of"], "class": row["class"]} | ({"range [m]": within} if within else {})


def _range(row: Data) -> str:
    return "{:g} to {:g}".format(*row["range_m"])


def _figures(row: Data, within: str | None = None) -> dict[str, Cell]:
    names = ("objects", "boxes", "precision", "recall", *(name for name in row if name.startswith("AP")))
    return _who(row, within) | {name: row[name] for name in names}


def _suggested(data: Data) -> Iterator[Table]:
    advice = data["suggestions"]
    if advice is None:
        return
    note = f"The least score from which on a share of {advice['precision']:g} of a model's boxes was right; " + (
        f"none for a class with fewer than {data['settings']['enough']} objects."
    )
    keys = (
        "model",
        "class",
        "objects",
        "now",
        "precision_now",
        "recall_now",
        "suggested",
        "precision",
        "recall",
        "why",
    )
    rows = [{key: row[key] for key in keys} for row in advice["thresholds"]]
    yield Table("Suggested thresholds", note, rows, brief=True)
    bins = [
        {"model": one["model"], "class": row["class"], "up to [m]": high, "now": now, "suggested": then, "why": why}
        for one in advice["bundles"]
        for row in one["classes"]
        for (_, high), now, then, why in zip(one["bins_m"], row["now"], row["suggested"], row["why"], strict=True)
    ]
    yield Table("Suggested min_confidence_scores", "Of the node, by distance.", bins)


def _labels(data: Data) -> Iterator[Table]:
    labels = data["labels"]
    if labels is None:
        return
    jumps = labels["jumps"]
    totals = {row["class"]: row["boxes"] for row in _by_band(data["counts"])[0] if row["of"] == "labels"}
    rows: list[dict[str, Cell]] = [
        {
            "class": row["class"],
            "labels": totals[row["class"]],
            **({"tracks": row["tracks"], "median frames": row.get("median_frames")} if labels["tracked"] else {}),
            **({f"of {name}": count for name, count in row["frames"].items()} if labels["tracked"] else {}),
            **({"missing frames": row["missing_frames"]} if labels["tracked"] else {}),
            **({"jumps": sum(j["class"] == row["class"] for j in jumps)} if labels["tracked"] else {}),
            **({"few points": labels["few_points"][row["class"]]} if labels["few_points"] is not None else {}),
        }
        for row in labels["tracks"]
    ]
    told = "" if labels["tracked"] else "Nothing is tracked: each label is an object of its own. "
    few = data["settings"]["few_points"]
    told = told or "Of 2-4: tracks with so many boxes. Missing frames: between them, without one. "
    yield Table("Labels", f"{told}Few points: labels with fewer than {few} lidar points inside.", rows, brief=True)
    yield Table(
        "Jumps",
        f"Speed [m/s], turn [rad] or ratio of sizes from a track's frame to its next: {min(len(jumps), MOST):,} of "
        f"{len(jumps):,}; report.json has all.",
        [{key: row[key] for key in ("scene", "frame", "class", "what", "value", "track")} for row in jumps[:MOST]],
    )
    pairs = [{"classes": " and ".join(row["classes"]), "pairs": row["pairs"]} for row in labels["overlaps"]]
    least = data["settings"]["overlap"]
    yield Table("Labels of two classes that overlap", f"Seen from above, with an IoU above {least:g}.", pairs)


def _counts(data: Data) -> Iterator[Table]:
    everything, *bands = _by_band(data["counts"])
    note = "How many boxes with at least this score there are: what a threshold there would leave."
    rows = [_who(row) | {"boxes": row["boxes"]} | row["left_at"] for row in everything]
    yield Table("Boxes by threshold", note, rows, brief=True)
    rows = [
        _who(row, _range(row)) | {"boxes": row["boxes"]} | row["left_at"] for b in bands for row in b if row["boxes"]
    ]
    yield Table("Boxes by range and threshold", "Distance of the box's centre from the ego [m].", rows)
    lines = [_who(row) | _histogram(row["boxes"]) for row in data["histograms"]]
    yield Table("Scores", "Boxes by score.", lines)


def _histogram(boxes: list[int]) -> dict[str, Cell]:
    width = 1 / len(boxes)
    return {f"from {place * width:.2f}": count for place, count in enumerate(boxes)}


def _looks(data: Data) -> Iterator[Table]:
    parts = ", ".join(f"{name} {weight:g}" for name, weight in data["weights"].items())
    meaning = "; ".join(f"{name}: {text}" for name, text in data["meaning"].items())
    rows: list[dict[str, Cell]] = [
        {
            "scene": row["scene"],
            "frame": row["frame"],
            "need": row["need"],
            "reasons": ", ".join(f"{count} {reason}" for reason, count in row["reasons"].items()),
        }
        for row in data["look_at"]
    ]
    note = f"By the sum of what each doubtful box adds ({parts}). {meaning[0].upper()}{meaning[1:]}."
    yield Table("Frames that most need a look", note, rows, brief=True)
