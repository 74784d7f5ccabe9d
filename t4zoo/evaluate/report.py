"""The files that tell a score: metrics.json and a curve table for DVC, a log for people."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from t4zoo.evaluate.precision import ERRORS, RECALLS
from t4zoo.evaluate.score import BandScore, ClassScore, Score
from t4zoo.whole import write_whole

DECIMALS = 6

_SHORT = {"translation": "ATE_m", "scale": "ASE", "orientation": "AOE_rad", "velocity": "AVE_mps"}


def write(folder: Path, score: Score, heading: str) -> None:
    """Write metrics.json, plots/precision_recall.csv and test_log.log into `folder`; the last opens with `heading`."""
    write_whole(folder / "plots" / "precision_recall.csv", curves(score))
    write_whole(folder / "test_log.log", f"{heading}\n{table(score)}")
    write_whole(folder / "metrics.json", json.dumps(metrics(score), indent=2, allow_nan=False) + "\n")


def write_numbers(folder: Path, numbers: Mapping[str, float], heading: str, log: str) -> None:
    """Write metrics.json and test_log.log of a model that another judged: its numbers, and what it said on the way."""
    lines = "".join(f"{name} {value:.{DECIMALS}g}\n" for name, value in numbers.items())
    write_whole(folder / "test_log.log", f"{heading}\n{lines}\n{log}")
    rounded = {name: _number(value) for name, value in numbers.items()}
    write_whole(folder / "metrics.json", json.dumps(rounded, indent=2, allow_nan=False) + "\n")


def metrics(score: Score) -> dict[str, Any]:
    """The figures as JSON holds them: 6 decimals, null where there is no ground truth.

    `dvc metrics show` prints what is no list, so the overall figures lead and every band and class stands in `bands`.
    """
    overall = score.overall
    thresholds = list(overall.classes[0].precisions) if overall.classes else []
    return {
        "mAP": _number(overall.mean_precision),
        **{f"mAP_{t:g}m": _number(overall.mean_precision_at(t)) for t in thresholds},
        **{f"m{_SHORT[name]}": _number(overall.mean_error(name)) for name in ERRORS},
        "AP": {one.name: _number(one.mean_precision) for one in overall.classes},
        **{f"AP_{t:g}m": {one.name: _number(one.precisions[t]) for one in overall.classes} for t in thresholds},
        "frames": score.frames,
        "ground_truth": sum(one.truths for one in overall.classes),
        "predictions": sum(one.predictions for one in overall.classes),
        "bands": [_band(band) for band in _distinct(score)],
    }


def curves(score: Score) -> str:
    """CSV of the overall precision-recall curves, 101 points for each class with ground truth and each threshold."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["class", "threshold", "recall", "precision", "score"])
    for one in score.overall.classes:
        for threshold, curve in one.curves.items():
            for recall, precision, confidence in zip(RECALLS, curve.precision, curve.score, strict=True):
                writer.writerow(
                    [one.name, f"{threshold:g} m", f"{recall:.2f}", f"{precision:.6f}", f"{confidence:.6f}"]
                )
    return text.getvalue()


def table(score: Score) -> str:
    """The figures as text, one table a band."""
    return "\n".join(_band_table(band) for band in _distinct(score))


def _distinct(score: Score) -> Iterator[BandScore]:
    """The overall band first, then every other."""
    yield score.overall
    yield from (band for band in score.bands if band is not score.overall)


def _band(band: BandScore) -> dict[str, Any]:
    return {
        "range_m": [band.low, band.high],
        "mAP": _number(band.mean_precision),
        "classes": [_class(one) for one in band.classes],
    }


def _class(one: ClassScore) -> dict[str, Any]:
    return {
        "name": one.name,
        "AP": _number(one.mean_precision),
        **{f"AP_{threshold:g}m": _number(value) for threshold, value in one.precisions.items()},
        **{_SHORT[name]: _number(one.errors[name]) for name in ERRORS},
        "ground_truth": one.truths,
        "predictions": one.predictions,
    }


def _band_table(band: BandScore) -> str:
    rows = [_class(one) for one in band.classes]
    columns = list(rows[0]) if rows else []
    lines = [
        f"{band.low:g} to {band.high:g} m from the ego: mAP {_cell(_number(band.mean_precision))}",
        "".join(_pad(name, column) for column, name in enumerate(columns)),
        *("".join(_pad(_cell(row[name]), column) for column, name in enumerate(columns)) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _pad(text: str, column: int) -> str:
    return text.ljust(16) if column == 0 else text.rjust(max(10, len(text) + 2))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
