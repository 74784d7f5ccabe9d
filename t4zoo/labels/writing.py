"""The folder that a report or a comparison is written into: never the one that is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from t4zoo.errors import UsageError
from t4zoo.labels.drawing import drawn
from t4zoo.labels.figures import Data
from t4zoo.labels.question import Question
from t4zoo.labels.report import Report, as_json
from t4zoo.labels.tables import Table, markdown, of_report
from t4zoo.whole import whole, write_whole

SHARE = 0.1  # of the objects: so many beyond all boxes are told


def refuse_inputs(out: Path, inputs: Iterable[Path]) -> None:
    """Raise UsageError when `out` is one of the inputs, or lies in one: nothing is ever written into them."""
    target = out.resolve()
    for path in inputs:
        if path.resolve() in (target, *target.parents):
            raise UsageError(f"--out {out}: lies in {path}, which is only read; name another folder")
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file; name a folder")


def write_report(out: Path, asked: Question, made: Report, advance: Callable[[int], None]) -> None:
    """Write report.json, report.md, the suggested files and the pictures; `advance` is called after each picture.

    What an earlier report suggested or drew is removed. A cloud that is not there is no error; the picture says so.
    """
    for old in (*out.glob("pictures/[0-9]*.png"), *out.glob("suggested/*/*.yaml")):
        old.unlink()
    for name, text in made.files.items():
        write_whole(out / name, text)
    for name, content in drawn(asked, made.looks):
        with whole(out / name) as temporary:
            temporary.write_bytes(content)
        advance(1)
    pictures = [
        (f"{row['scene']}, frame {row['frame']}", f"pictures/{number:02d}.png")
        for number, row in enumerate(made.data["look_at"], 1)
    ]
    write_whole(out / "report.json", as_json(made.data))
    title = f"Labels of {made.data['folder']}"
    write_whole(out / "report.md", markdown(title, heading(made.data), of_report(made.data), pictures))


def write_comparison(out: Path, data: Data, tables: Sequence[Table]) -> None:
    """Write diff.json and diff.md."""
    write_whole(out / "diff.json", as_json(data))
    log = [f"log.log: {line}" for line in data["log"]]
    write_whole(out / "diff.md", markdown(f"{data['a']} and {data['b']}", log, tables, ()))


def heading(data: Data) -> list[str]:
    """What a report is of, in a few lines."""
    low, high = data["settings"]["edges"][0], data["settings"]["edges"][-1]
    near = f"what is {low:g} to {high:g} m from the ego counts"
    lines = [f"{data['folder']}: scenes {data['scenes']}, frames {data['frames']}; {near}"]
    if data["labels"] is None:
        lines.append("no labels here: the raw predictions alone are judged")
    if data["made_by"]["ensemble"] is None:
        lines.append(
            "no ensemble file is known: --ensemble names it, for its thresholds and for a copy with the suggested ones"
        )
    if absent := data["made_by"]["absent"]:
        lines.append(f"no raw predictions of {', '.join(absent)} here: what a model is silent about is not told")
    if truth := data["truth"]:
        without = f"{truth['frames_without']} frames have none, and are left out" if truth["frames_without"] else ""
        lines.append(f"ground truth {truth['path']}: {without or 'of every frame'}")
        lines += _beyond(truth)
        for side, key in (("the ground truth", "classes_only_in_truth"), ("the boxes", "classes_only_in_boxes")):
            if truth[key]:
                lines.append(f"classes of {side} alone: {', '.join(truth[key])}")
    return lines


def _beyond(truth: Data) -> list[str]:
    """Where many objects are farther than anybody looks, no threshold finds them: another range tells more."""
    if truth["objects_farther"] < SHARE * truth["objects"] or not truth["farthest_box_m"]:
        return []
    reach = math.ceil(truth["farthest_box_m"])
    return [
        f"{truth['objects_farther']} of {truth['objects']} objects are farther away than any box "
        f"({truth['farthest_box_m']:.1f} m), and count as missed; --ranges 0,{reach} leaves them out"
    ]
