"""The frames of a set of scenes that nobody has annotated."""

from __future__ import annotations

from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.info import Frame
from t4zoo.scene_files import scenes_in
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.reader import read_scene


class ScenesError(T4zooError):
    """A folder that holds no scenes."""


def scene_folders(data_root: Path, dataset: str) -> tuple[Path, ...]:
    """Every folder of `data_root/dataset`, by name: each is a scene. Raises ScenesError where there is none."""
    folder = data_root / dataset
    scenes = tuple(scenes_in(folder))
    if not scenes:
        raise ScenesError(
            f"{folder}: no T4 scenes here; copy them there, each as {{T4 id}}/{{revision}}/ or {{T4 id}}/"
        )
    return scenes


def read_scene_frames(folder: Path, dataset: str, max_sweeps: int) -> tuple[Frame, ...]:
    """The frames of the scene in `folder`, by time, without boxes, each with up to `max_sweeps` earlier clouds.

    A scene may have revision folders or none; of several revisions the highest counts. Raises ReadError where it is
    broken.
    """
    return frames_of(read_scene(folder), dataset, FrameSettings(labels=None, max_sweeps=max_sweeps))


def read_frames(data_root: Path, dataset: str, max_sweeps: int) -> tuple[Frame, ...]:
    """All frames of `data_root/dataset`, by scene and time."""
    folders = scene_folders(data_root, dataset)
    return tuple(frame for folder in folders for frame in read_scene_frames(folder, dataset, max_sweeps))
