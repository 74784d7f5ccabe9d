"""nuscenes-devkit's own metrics of the frames on stdin: run with the oracle's folder on PYTHONPATH, never imported.

stdin, JSON: {"cases": [{"class", "threshold", "truth": [box], "predicted": [box]}]}, a box being {"sample", "x", "y",
"size", "yaw", "velocity", "score"} in the map frame; stdout, JSON: for each case the AP and the four errors.
"""

import json
import math
import sys

from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.utils import center_distance
from nuscenes.eval.detection.algo import accumulate, calc_ap, calc_tp
from nuscenes.eval.detection.data_classes import DetectionBox

ERRORS = {"translation": "trans_err", "scale": "scale_err", "orientation": "orient_err", "velocity": "vel_err"}


def to_boxes(rows: list, name: str, samples: list) -> EvalBoxes:
    boxes = EvalBoxes()
    for sample in samples:
        boxes.add_boxes(sample, [to_box(row, name) for row in rows if row["sample"] == sample])
    return boxes


def to_box(row: dict, name: str) -> DetectionBox:
    length, width, height = row["size"]
    return DetectionBox(
        sample_token=row["sample"],
        translation=(row["x"], row["y"], 0.0),
        size=(width, length, height),
        rotation=(math.cos(row["yaw"] / 2), 0.0, 0.0, math.sin(row["yaw"] / 2)),
        velocity=tuple(math.nan if v is None else v for v in row["velocity"]),
        detection_name=name,
        detection_score=row["score"],
    )


def judge(case: dict) -> dict:
    samples = sorted({row["sample"] for row in case["truth"] + case["predicted"]})
    truth, predicted = (to_boxes(case[key], case["class"], samples) for key in ("truth", "predicted"))
    data = accumulate(truth, predicted, case["class"], center_distance, case["threshold"])
    errors = {name: calc_tp(data, 0.1, theirs) for name, theirs in ERRORS.items()}
    return {"ap": calc_ap(data, 0.1, 0.1), **errors}


json.dump([judge(case) for case in json.load(sys.stdin)["cases"]], sys.stdout)
