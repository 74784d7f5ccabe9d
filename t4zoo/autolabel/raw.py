"""The raw predictions of an ensemble's models, side by side on one list of frames, read scene by scene."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from t4zoo.autolabel.pool import arrange
from t4zoo.autolabel.rules import Ensemble, ModelRules
from t4zoo.boxes import BoxTable
from t4zoo.errors import T4zooError, UsageError
from t4zoo.info import Frame, Predictions
from t4zoo.parquet import BoxFile


class RawError(T4zooError):
    """Raw predictions that are missing, or that do not belong together."""


@dataclass(frozen=True, eq=False)
class RawScene:
    """One scene. frames: without boxes. boxes: of each model, of these frames, labels indexing `Raw.classes`."""

    name: str
    frames: tuple[Frame, ...]
    boxes: tuple[BoxTable, ...]


@dataclass(frozen=True, eq=False)
class Raw:
    """The open files of an ensemble's models, which belong together as far as can be told without reading them.

    files: of each model. anchor: which of them has the frames: the longest, as in AWML; the first of several.
    classes: of all models, in the order of their first mention.
    models: for each the name that its labels carry, `{algorithm}/{model}@{version or digest}`.
    """

    dataset: str
    files: tuple[BoxFile, ...]
    anchor: int
    classes: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def scenes(self) -> tuple[str, ...]:
        """`{T4 id}/{revision}` of each scene, in the order in which they are read."""
        return self.files[self.anchor].scenes

    def __iter__(self) -> Iterator[RawScene]:
        """Every scene; raises RawError for boxes that no T4 scene may hold, and for frames that the anchor lacks."""
        for scene in self.scenes:
            yield self._scene(scene)

    def _scene(self, scene: str) -> RawScene:
        anchor = self.files[self.anchor]
        frames = anchor.frames(anchor.scenes.index(scene))
        tokens = [frame.token for frame in frames]
        _check_once(anchor, scene, tokens)
        return RawScene(scene, frames, tuple(self._boxes(file, scene, tokens) for file in self.files))

    def _boxes(self, file: BoxFile, scene: str, tokens: list[str]) -> BoxTable:
        if scene not in file.scenes:
            return BoxTable.of([Predictions.empty()] * len(tokens))
        index = file.scenes.index(scene)
        own, boxes = file.tokens(index), file.boxes(index)
        _check_boxes(file, scene, own, boxes)
        boxes = dataclasses.replace(boxes, labels=np.array([*map(self.classes.index, file.classes)])[boxes.labels])
        return boxes if own == tokens else _align(file, scene, own, boxes, tokens)


def raw_file(folder: Path, model: str) -> Path:
    """Where the predictions of `{algorithm}-{model}` lie in a set's `raw` folder, as columns."""
    return folder / f"pseudo_infos_raw_{model}.parquet"


def read_raw(folder: Path, ensemble: Ensemble, dataset: str) -> Raw:
    """Open one file for each model of the ensemble.

    Raises RawError for a missing file and for files of another data set or of other scenes, ParquetError for a broken
    one, UsageError when the ensemble uses a class that a model does not know.
    """
    files = tuple(_open(raw_file(folder, rules.name), rules, dataset) for rules in ensemble.models)
    anchor = max(range(len(files)), key=lambda model: files[model].num_frames)
    for file in files:
        if strange := sorted(set(file.scenes) - set(files[anchor].scenes)):
            raise RawError(
                f"{file.path}: holds the scene {strange[0]}, which another model's predictions lack; "
                "run predict again for all models of the ensemble"
            )
    return Raw(
        dataset=dataset,
        files=files,
        anchor=anchor,
        classes=tuple(dict.fromkeys(name for file in files for name in file.classes)),
        models=tuple(_name(file, rules.name) for file, rules in zip(files, ensemble.models, strict=True)),
    )


def _open(path: Path, rules: ModelRules, dataset: str) -> BoxFile:
    if not path.is_file():
        only = path.with_suffix(".pkl")
        cure = "add it to `predictions` of params.yaml and run `dvc repro`, or take it out of the ensemble"
        if only.is_file():
            cure = f"{only.name} is, but its boxes are read as columns: run predict again, which writes both"
        raise RawError(f"{path}: the ensemble wants the predictions of {rules.name}, which are not there; {cure}")
    file = BoxFile(path)
    if file.version != dataset:
        raise RawError(f"{path}: holds predictions of {file.version}, not of {dataset}; run predict again")
    if len(set(file.scenes)) < len(file.scenes):
        raise RawError(f"{path}: holds a scene twice; run predict again")
    if unknown := [label for label in rules.use_label if label not in file.classes]:
        raise UsageError(
            f"{rules.name}: use_label names {', '.join(unknown)}, but the model knows {', '.join(file.classes)} only"
        )
    return file


def _name(file: BoxFile, model: str) -> str:
    described = file.extra.get("model")
    return str(described["name"]) if isinstance(described, dict) and "name" in described else model


def _check_once(file: BoxFile, scene: str, tokens: Sequence[str]) -> None:
    if len(set(tokens)) < len(tokens):
        raise RawError(f"{file.path}: holds a frame of {scene} twice; run predict again")


def _align(file: BoxFile, scene: str, own: list[str], boxes: BoxTable, tokens: list[str]) -> BoxTable:
    """`boxes` of the frames `own` as boxes of the frames `tokens`; a frame that the model skipped has none."""
    _check_once(file, scene, own)
    place = {token: index for index, token in enumerate(tokens)}
    if strange := sorted(set(own) - set(tokens)):
        raise RawError(
            f"{file.path}: holds the frame {strange[0]} of {scene}, which another model's predictions lack; "
            "run predict again for all models of the ensemble"
        )
    return arrange(boxes, np.array([place[token] for token in own], dtype=np.int64)[boxes.frames], len(tokens))


def _check_boxes(file: BoxFile, scene: str, tokens: list[str], boxes: BoxTable) -> None:
    """Refuse what no T4 scene may hold. An unknown velocity is none."""
    wrong = {
        "a box of none of the file's classes": (boxes.labels < 0) | (boxes.labels >= len(file.classes)),
        "a box that is not finite or has no size": _misshapen(boxes),
        "a score that is not within 0 and 1": ~((boxes.scores >= 0) & (boxes.scores <= 1)),
    }
    for problem, rows in wrong.items():
        if rows.any():
            token = tokens[boxes.frames[int(rows.argmax())]]
            raise RawError(f"{file.path}: frame {token} of {scene} has {problem}; predict again")


def _misshapen(boxes: BoxTable) -> NDArray[np.bool_]:
    numbers = np.column_stack([boxes.boxes, np.nan_to_num(boxes.velocities, nan=0.0, posinf=np.inf, neginf=-np.inf)])
    whole: NDArray[np.bool_] = np.all(np.isfinite(numbers), axis=1) & np.all(boxes.boxes[:, 3:6] > 0, axis=1)
    return ~whole
