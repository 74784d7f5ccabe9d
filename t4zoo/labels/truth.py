"""Ground truth of the frames that were labelled: from an info file, or from annotated scenes of the same ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from t4zoo.errors import T4zooError, UsageError
from t4zoo.info import Frame, load
from t4zoo.scene_files import absence_of, is_scene
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import LabelMap, read_labels
from t4zoo.t4.reader import read_scene


class TruthError(T4zooError):
    """Ground truth that says nothing of what was labelled."""


@dataclass(frozen=True, eq=False)
class Truth:
    """frames: the annotated frame of each (scene, sample token), and of each (T4 id, sample token).

    The annotated revision of a scene may be another than the raw one; of several the last counts, but the same one
    before all others. classes: what their labels index.
    """

    path: Path
    classes: tuple[str, ...]
    frames: dict[tuple[str, str], Frame]

    def of(self, frames: Sequence[Frame], classes: Sequence[str]) -> list[Frame | None]:
        """The annotated frame of each frame, its labels indexing `classes` (-1 for others); None without."""
        lookup = np.array([classes.index(name) if name in classes else -1 for name in self.classes] + [-1])
        return [_relabelled(truth, lookup) if truth else None for truth in map(self._find, frames)]

    def _find(self, frame: Frame) -> Frame | None:
        return next((self.frames[key] for key in _keys(frame) if key in self.frames), None)

    @property
    def scenes(self) -> set[str]:
        """The T4 ids of the annotated scenes."""
        return {frame.scene.partition("/")[0] for frame in self.frames.values()}


def read_truth(path: Path, scenes: Collection[str], classes: Sequence[str], labels: Path | None) -> Truth:
    """The truth in an info file, in a folder of scenes (those of `scenes` are read), or in one scene's folder.

    labels: a file of conf/labels/ that says which class a raw category is; without one, categories are classes.
    Raises UsageError where there is nothing to read, and what the readers raise.
    """
    frames: Sequence[Frame]
    if path.is_dir():
        known, frames = tuple(classes), _annotated(path, scenes, _label_map(labels, classes))
    elif labels is not None:
        raise UsageError(f"--labels {labels}: an info file's objects have their classes already; leave it out")
    else:
        info = load(path)
        known, frames = info.classes, info.frames
    if not any(len(frame.instances) for frame in frames):
        raise TruthError(
            f"{path}: has {len(frames)} frames and not one object, so nobody has annotated it; "
            "leave --truth out to judge labels without ground truth"
        )
    return Truth(path, known, _by_key(frames))


def _annotated(folder: Path, scenes: Collection[str], labels: LabelMap) -> list[Frame]:
    alone = is_scene(folder)
    names = sorted({scene.partition("/")[0] for scene in scenes})
    places = [folder] if alone else [folder / name for name in names if not absence_of(folder / name)]
    if not places:
        some = ", ".join(names[:3])
        raise TruthError(
            f"{folder}: none of the {len(names)} labelled scenes ({some}) is a folder in here; "
            "name the folder that holds the annotated scenes, or an info file"
        )
    settings = FrameSettings(labels, max_sweeps=0)
    frames = [frame for place in places for frame in frames_of(read_scene(place), place.parent.name, settings)]
    categories = sorted({name for frame in frames for name in frame.instances.categories})
    if categories and not any((frame.instances.labels >= 0).any() for frame in frames):
        raise TruthError(
            f"{folder}: no object in there is of a class of the labels ({', '.join(labels.class_names)}); they are "
            f"{', '.join(categories[:5])}: say what these are with --labels conf/labels/t4.yaml"
        )
    return frames


def _label_map(file: Path | None, classes: Sequence[str]) -> LabelMap:
    if file is None:
        return LabelMap(tuple(classes), {})
    try:
        return read_labels(yaml.safe_load(file.read_text(encoding="utf-8")), classes)
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, UsageError) as error:
        raise UsageError(f"{file}: not a file of conf/labels/: {error}") from None


def _keys(frame: Frame) -> tuple[tuple[str, str], tuple[str, str]]:
    return (frame.scene, frame.token), (frame.scene.partition("/")[0], frame.token)


def _by_key(frames: Iterable[Frame]) -> dict[tuple[str, str], Frame]:
    return {key: frame for frame in frames for key in _keys(frame)}


def _relabelled(frame: Frame, lookup: np.ndarray) -> Frame:
    return dataclasses.replace(
        frame, instances=dataclasses.replace(frame.instances, labels=lookup[frame.instances.labels])
    )
