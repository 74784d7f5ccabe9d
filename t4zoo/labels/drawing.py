"""The pictures of the frames that most need a look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from t4zoo.info import Frame, Instances
from t4zoo.labels.doubts import Look
from t4zoo.labels.findings import Gatherer
from t4zoo.labels.folder import LabelScene
from t4zoo.labels.picture import picture
from t4zoo.labels.question import Question
from t4zoo.points import Points, PointsError, read_points


def drawn(asked: Question, looks: Sequence[Look]) -> Iterator[tuple[str, bytes]]:
    """The name and the PNG of each frame's picture. Where a cloud cannot be read, the title says so."""
    gatherer = Gatherer(asked)
    scenes: Mapping[str, LabelScene] = {}
    for number, look in enumerate(looks, 1):
        if look.scene not in scenes:
            said = {source.name: source.read(look.scene) for source in asked.folder.raw}
            scenes = {look.scene: asked.folder.read_labels(look.scene)}
            doubts = gatherer.doubts(scenes[look.scene], said)
            doubtful = np.logical_or.reduce(list(doubts.values()))
        yield f"pictures/{number:02d}.png", _draw(asked, gatherer, look, scenes[look.scene], doubtful)


def _draw(asked: Question, gatherer: Gatherer, look: Look, scene: LabelScene, doubtful: np.ndarray) -> bytes:
    frame = scene.frames[look.index]
    rows = slice(int(scene.boxes.starts[look.index]), int(scene.boxes.starts[look.index + 1]))
    points = _points(asked.data, frame)
    reasons = ", ".join(f"{count} {reason}" for reason, count in look.reasons.items() if count)
    span = asked.settings.span
    title = f"{look.scene}, frame {look.index}: {reasons}\nwhat is {span[0]:g} to {span[1]:g} m from the ego counts"
    title += "" if points is not None else " (the cloud is not here)"
    tracks = [name[:6] for name in scene.tracks[rows].tolist()]
    names = [f"{track} {score:.2f}" for track, score in zip(tracks, scene.boxes.scores[rows].tolist(), strict=True)]
    truth = gatherer.annotated(scene, gatherer.classes)[look.index]
    objects = truth.instances if truth else Instances.empty()
    counting = (objects.labels >= 0) & (objects.num_lidar_pts > 0)
    known = objects.boxes[counting]
    _, places, missed = gatherer.against(scene)
    lost = missed[places == look.index].tolist()
    doubts = doubtful[rows].tolist()
    ego_x, ego_y = np.linalg.inv(frame.lidar2ego)[:2, 3].tolist()
    rings = [(ego_x, ego_y, radius) for radius in span if radius > 0.0]
    return picture(title, points, scene.boxes, look.index, gatherer.classes, names, doubts, known, lost, rings)


def _points(data: Path, frame: Frame) -> Points | None:
    try:
        return read_points(data / frame.lidar_path, frame.num_pts_feats)
    except PointsError:
        return None
