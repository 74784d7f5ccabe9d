"""The statistics as a picture: objects by class, over distance and over lidar points, a column a split."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SIZE, DPI = (5.0, 3.2), 100  # of one panel: inches, dots an inch
ROWS = {"objects_by_range": "distance from the ego [m]", "objects_by_points": "lidar points in the box"}


def chart(data: Mapping[str, Any]) -> bytes:
    """The PNG of what `statistics.as_dict` gives; the same bytes for the same data."""
    splits = [split for split, part in data["splits"].items() if part["scenes"]] or list(data["splits"])[:1]
    with style.context("default"):  # nobody's own
        figure = Figure(figsize=(SIZE[0] * len(splits), SIZE[1] * len(ROWS)), dpi=DPI, layout="tight")
        panels = figure.subplots(len(ROWS), len(splits), squeeze=False)
        for row, (key, label) in zip(panels, ROWS.items(), strict=True):
            for axes, split in zip(row, splits, strict=True):
                _draw(axes, data["splits"][split][key])
                axes.set(xlabel=label, ylabel="objects", title=split)
        panels[0][0].legend(fontsize="small")
        buffer = io.BytesIO()
        canvas: Any = FigureCanvasAgg(figure)
        canvas.print_png(buffer, metadata={"Software": None})  # which would name the version of matplotlib
        return buffer.getvalue()


def _draw(axes: Axes, classes: Mapping[str, Mapping[str, int]]) -> None:
    """A group of bars a band, a bar a class."""
    width = 0.8 / max(len(classes), 1)
    for number, (name, bands) in enumerate(classes.items()):
        places = [place + (number - (len(classes) - 1) / 2) * width for place in range(len(bands))]
        axes.bar(places, list(bands.values()), width, label=name, color=f"C{number % 10}")
        axes.set_xticks(range(len(bands)), list(bands), fontsize="small")
