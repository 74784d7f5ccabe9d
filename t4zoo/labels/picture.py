"""A frame from above: its points, its labels, and the objects of the ground truth, as a PNG of the same bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from t4zoo.boxes import BoxTable
from t4zoo.info import Array
from t4zoo.labels.overlaps import corners
from t4zoo.points import Points

SIZE, DPI = 10.0, 110  # inches, dots an inch
MOST_POINTS = 60_000  # of a cloud; of a larger one every so-many-th is drawn
MARGIN = 5.0  # metres around what is drawn


def picture(
    title: str,
    points: Points | None,
    boxes: BoxTable,
    frame: int,
    classes: Sequence[str],
    names: Sequence[str],
    marked: Sequence[bool],
    truth: Array,
    missed: Sequence[bool],
    rings: Sequence[tuple[float, float, float]] = (),
) -> bytes:
    """The PNG. x is to the right and y up, both in the lidar frame [m].

    names: of each box of the frame, what stands beside it. marked: which of them are doubtful. truth: (M, 7) boxes;
    missed: which of them have no label. rings: x, y and radius of circles that bound what counts.
    """
    rows = slice(int(boxes.starts[frame]), int(boxes.starts[frame + 1]))
    shown, labels = boxes.boxes[rows], boxes.labels[rows]
    with style.context("default"):  # nobody's own
        figure = Figure(figsize=(SIZE, SIZE), dpi=DPI, layout="tight")
        axes = figure.subplots()
        if points is not None:
            few = points[:: -(-len(points) // MOST_POINTS)]
            axes.scatter(few[:, 0], few[:, 1], s=0.3, c="0.6", linewidths=0, rasterized=True)
        _draw(axes, truth, ["black" if lost else "0.75" for lost in missed], 5.0)
        _draw(axes, shown, [f"C{label % 10}" for label in labels], 1.2)
        _write(axes, shown, names, marked)
        for x, y, radius in rings:
            axes.add_patch(Circle((x, y), radius, fill=False, color="0.5", linestyle="--", linewidth=0.8))
        for label in sorted(set(labels.tolist())):
            axes.plot([], [], color=f"C{label % 10}", label=classes[label])
        if len(truth):
            axes.plot([], [], color="0.75", linewidth=5.0, label="ground truth (black: missed)")
        if len(truth) or len(shown):
            axes.legend(loc="upper right")
        axes.set(title=title, xlabel="x [m]", ylabel="y [m]", aspect="equal", **_limits(shown, truth))
        return _png(figure)


def _draw(axes: Axes, boxes: Array, colors: Sequence[str], width: float) -> None:
    """Outlines, each with a line from the centre to the middle of its front."""
    edges = corners(boxes)
    outlines = list(np.concatenate([edges, edges[:, :1]], axis=1))
    fronts = list(np.stack([boxes[:, :2], (edges[:, 0] + edges[:, 3]) / 2], axis=1))
    lines = LineCollection(outlines + fronts, colors=[*colors, *colors], linewidths=width)
    axes.add_collection(lines)


def _write(axes: Axes, boxes: Array, names: Sequence[str], marked: Sequence[bool]) -> None:
    for box, name, doubtful in zip(boxes, names, marked, strict=True):
        color = "red" if doubtful else "0.3"
        axes.text(box[0], box[1] + box[3:5].max() / 2, name, color=color, fontsize=6, ha="center", clip_on=True)


def _limits(*parts: Array) -> dict[str, tuple[float, float]]:
    """A square around all boxes and the ego."""
    centres = np.concatenate([np.zeros((1, 2)), *(part[:, :2] for part in parts)])
    low, high = centres.min(axis=0), centres.max(axis=0)
    half = float((high - low).max()) / 2 + MARGIN
    middle = (low + high) / 2
    return {
        "xlim": (float(middle[0]) - half, float(middle[0]) + half),
        "ylim": (float(middle[1]) - half, float(middle[1]) + half),
    }


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(buffer, metadata={"Software": None})  # which would name the version of matplotlib
    return buffer.getvalue()
