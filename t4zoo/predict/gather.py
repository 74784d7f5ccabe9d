"""One scene after the other, in their order: an info file with predictions, and its Parquet twin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from t4zoo.boxes import BoxTable
from t4zoo.info import Frame, saving
from t4zoo.parquet import writing


class Written(NamedTuple):
    """How much a file holds."""

    frames: int
    boxes: int


def gather(
    scenes: Iterable[tuple[Sequence[Frame], BoxTable]],
    out: Path,
    scratch: Path,
    classes: Sequence[str],
    version: str,
    extra: dict[str, Any],
) -> Written:
    """Write `out`, a .pkl, and beside it the .parquet, with the same numbers.

    scratch: a folder on the same disk, where both are written before they appear. The rest: as in `Info`.
    """
    table = out.with_suffix(".parquet")
    frames = boxes = 0
    content = classes, version, extra
    with saving(scratch / "pickle", *content) as save, writing(scratch / "table", *content) as write:
        for members, found in scenes:
            write(members, found)
            save(dataclasses.replace(frame, predictions=found.of_frame(i)) for i, frame in enumerate(members))
            frames, boxes = frames + len(members), boxes + len(found)
    (scratch / "table").replace(table)
    (scratch / "pickle").replace(out)
    return Written(frames, boxes)
