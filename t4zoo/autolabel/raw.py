"""The raw predictions of an ensemble's models, side by side on one list of frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from t4zoo.autolabel.rules import Ensemble
from t4zoo.errors import T4zooError
from t4zoo.info import Frame, Info, Predictions, load


class RawError(T4zooError):
    """Raw predictions that are missing, or that do not belong together."""


@dataclass(frozen=True, eq=False)
class Raw:
    """frames: without predictions. classes: of all models, in the order of their first mention.

    models: for each model the name that labels carry, `{algorithm}/{model}@{version or digest}`.
    predictions[m][f]: the boxes of model m in frame f, their labels indexing known[m], the classes of model m.
    """

    dataset: str
    frames: tuple[Frame, ...]
    classes: tuple[str, ...]
    models: tuple[str, ...]
    known: tuple[tuple[str, ...], ...]
    predictions: tuple[tuple[Predictions, ...], ...]


def raw_file(folder: Path, model: str) -> Path:
    """Where the predictions of `{algorithm}-{model}` lie in a set's `raw` folder."""
    return folder / f"pseudo_infos_raw_{model}.pkl"


def read_raw(folder: Path, ensemble: Ensemble, dataset: str) -> Raw:
    """Read one file for each model of the ensemble.

    Raises RawError for a missing file and for files of another data set or of other frames; InfoError for a broken one.
    """
    files = [raw_file(folder, model.name) for model in ensemble.models]
    for path, model in zip(files, ensemble.models, strict=True):
        if not path.is_file():
            raise RawError(
                f"{path}: the ensemble wants the predictions of {model.name}, which are not there; "
                "add it to `predictions` of params.yaml and run `dvc repro`, or take it out of the ensemble"
            )
    infos = [load(path) for path in files]
    for path, info in zip(files, infos, strict=True):
        if info.version != dataset:
            raise RawError(f"{path}: holds predictions of {info.version}, not of {dataset}; run predict again")
    classes = tuple(dict.fromkeys(name for info in infos for name in info.classes))
    # AWML's anchor: frames and their order are those of the longest list; the first of several.
    anchor = max(infos, key=lambda info: len(info.frames))
    keys = [_key(frame) for frame in anchor.frames]
    return Raw(
        dataset=dataset,
        frames=tuple(dataclasses.replace(frame, predictions=None) for frame in anchor.frames),
        classes=classes,
        models=tuple(_name(info, model.name) for info, model in zip(infos, ensemble.models, strict=True)),
        known=tuple(info.classes for info in infos),
        predictions=tuple(_align(path, info, keys) for path, info in zip(files, infos, strict=True)),
    )


def _name(info: Info, model: str) -> str:
    described = info.extra.get("model")
    return str(described["name"]) if isinstance(described, dict) and "name" in described else model


def _key(frame: Frame) -> tuple[str, str]:
    return frame.scene, frame.token  # a copy of a scene under another id has the same tokens


def _align(path: Path, info: Info, keys: Sequence[tuple[str, str]]) -> tuple[Predictions, ...]:
    found = {_key(frame): frame.predictions or Predictions.empty() for frame in info.frames}
    if len(found) < len(info.frames):
        raise RawError(f"{path}: holds a frame twice; run predict again")
    if strange := sorted(found.keys() - set(keys)):
        raise RawError(
            f"{path}: holds the frame {strange[0][1]} of {strange[0][0]}, which another model's predictions lack; "
            "run predict again for all models of the ensemble"
        )
    for (scene, token), rows in found.items():
        if problem := _problem(rows, len(info.classes)):
            raise RawError(f"{path}: frame {token} of {scene} has {problem}; predict again")
    return tuple(found.get(key, Predictions.empty()) for key in keys)


def _problem(rows: Predictions, classes: int) -> str:
    """What no T4 scene may hold, or nothing. An unknown velocity is none."""
    if ((rows.labels < 0) | (rows.labels >= classes)).any():
        return "a box of none of the file's classes"
    if not np.isfinite(rows.boxes).all() or (rows.boxes[:, 3:6] <= 0).any() or np.isinf(rows.velocities).any():
        return "a box that is not finite or has no size"
    return "" if ((rows.scores >= 0) & (rows.scores <= 1)).all() else "a score that is not within 0 and 1"


def relabel(rows: Predictions, known: Sequence[str], classes: Sequence[str]) -> Predictions:
    """`rows` with labels that index `classes` instead of `known`."""
    return dataclasses.replace(rows, labels=np.array([classes.index(name) for name in known], np.int64)[rows.labels])
