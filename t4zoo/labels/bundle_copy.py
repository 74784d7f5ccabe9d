"""A copy of the parameters of a CenterPoint bundle with other `min_confidence_scores`, sound for Autoware's node."""

from __future__ import annotations

import copy
import itertools
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.errors import T4zooError, UsageError
from t4zoo.export import ros_yaml
from t4zoo.export.CenterPoint.parameter_rules import check_package
from t4zoo.export.CenterPoint.parameters import PACKAGE_FILE, REMAPPER_FILE

ALGORITHM = "CenterPoint"  # the one whose node has thresholds by class and distance


class BundleCopyError(T4zooError):
    """A bundle that Autoware's node would not take, before or after the change."""


@dataclass(frozen=True, eq=False)
class BundleScores:
    """The thresholds of a bundle. classes: the model's own names, in the bundle's order.

    bins: (low, high) distances [m] of each bin. scores: class -> the least score in each bin.
    """

    path: Path
    classes: tuple[str, ...]
    bins: tuple[tuple[float, float], ...]
    scores: dict[str, tuple[float, ...]]
    parameters: dict[str, Any]


def read_bundle(folder: Path, classes: Sequence[str]) -> BundleScores:
    """The thresholds in a bundle's folder, of a model that knows `classes` in this order.

    Raises UsageError where the folder has no CenterPoint bundle or one of other classes, BundleCopyError where the
    node would not take it.
    """
    path = folder / PACKAGE_FILE
    if not path.is_file():
        raise UsageError(f"{path}: no such file; --bundle names the folder of an exported {ALGORITHM} bundle")
    _require_sound(folder, path)
    parameters = ros_yaml.load(path)
    model = parameters["/**"]["ros__parameters"]["model_params"]
    names = model["class_names"]
    paired = list(zip(names, classes, strict=False))
    if len(names) != len(classes) or any(known.lower() in classes and known.lower() != name for known, name in paired):
        raise UsageError(
            f"{path}: has the classes {', '.join(names)}, and the predictions {', '.join(classes)}; "
            "name the bundle of the model that predicted"
        )
    thresholds = model["detection_score_thresholds"]
    limits = thresholds["distance_bin_upper_limits"]
    scores = {name: tuple(thresholds["min_confidence_scores"][n]) for n, name in paired}
    return BundleScores(path, tuple(classes), tuple(itertools.pairwise([0.0, *limits])), scores, parameters)


def with_scores(bundle: BundleScores, wanted: Mapping[str, Sequence[float]], note: str) -> str:
    """The text of the file with these scores of a class in its bins; `note` opens it as a comment.

    Written anew, so that of the file's comments only those at its head are kept. Raises BundleCopyError.
    """
    parameters = copy.deepcopy(bundle.parameters)
    model = parameters["/**"]["ros__parameters"]["model_params"]
    names = dict(zip(bundle.classes, model["class_names"], strict=True))
    for name, scores in wanted.items():
        model["detection_score_thresholds"]["min_confidence_scores"][names[name]] = [float(score) for score in scores]
    text = ros_yaml.dump(parameters, "\n".join([note, *_head(bundle.path)]))
    with tempfile.TemporaryDirectory(prefix="t4zoo-bundle-") as scratch:
        (Path(scratch) / PACKAGE_FILE).write_text(text, encoding="utf-8")
        shutil.copy(bundle.path.with_name(REMAPPER_FILE), Path(scratch) / REMAPPER_FILE)
        _require_sound(Path(scratch), bundle.path)
    return text


def _head(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line[1:].removeprefix(" ") for line in itertools.takewhile(lambda line: line.startswith("#"), lines)]


def _require_sound(folder: Path, path: Path) -> None:
    findings, _ = check_package(folder)
    if findings:
        lines = "".join(f"\n  {finding}" for finding in findings)
        raise BundleCopyError(f"{path}: Autoware's node would not take these parameters:{lines}")
