"""The frames of a set of scenes that nobody has annotated."""

from __future__ import annotations

from pathlib import Path

from t4zoo.errors import T4zooError
from t4zoo.info import Frame
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.reader import read_scene


class ScenesError(T4zooError):
    """A folder that holds no scenes."""


def read_frames(data_root: Path, dataset: str, max_sweeps: int) -> tuple[Frame, ...]:
    """All frames of `data_root/dataset`, by scene and time, without boxes, each with up to `max_sweeps` earlier clouds.

    Each folder in there is a scene, with or without revision folders; of several revisions the highest counts.
    Raises ScenesError where there is no scene, ReadError where one is broken.
    """
    folder = data_root / dataset
    scenes = (
        sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        if (folder.is_dir())
        else []
    )
    if not scenes:
        raise ScenesError(
            f"{folder}: no T4 scenes here; copy them there, each as {{T4 id}}/{{revision}}/ or {{T4 id}}/"
        )
    settings = FrameSettings(labels=None, max_sweeps=max_sweeps)
    return tuple(frame for path in scenes for frame in frames_of(read_scene(path), dataset, settings))
