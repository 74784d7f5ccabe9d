"""A fleet's scenes and what two models say of them: a million raw boxes to make labels of."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from t4zoo.autolabel.raw import raw_file
from t4zoo.autolabel.scenes import read_frames
from t4zoo.boxes import ID, BoxTable
from t4zoo.geometry import apply, compose, inverse, yaw_of
from t4zoo.info import Frame
from t4zoo.parquet import writing
from t4zoo.t4.synth_scene import CONCAT, ScenePlan, write_scene

CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")
SHARES = (0.5, 0.08, 0.05, 0.1, 0.27)
SIZES = np.array([[4.5, 1.9, 1.6], [8.0, 2.5, 3.2], [11.0, 2.7, 3.3], [1.8, 0.7, 1.6], [0.7, 0.7, 1.7]])
SPEEDS = np.array([8.0, 7.0, 6.0, 4.0, 1.3])  # [m/s]
DATASET, SET = "fleet_v1", "20241102_fleet"
MODELS = ("TransFusion-t4base", "BEVFusion-t4base")  # those of conf/ensemble/pair.yaml
FOUND = 0.6  # of a model's boxes, how many show an object; the rest is clutter, half of it at an object


@dataclass(frozen=True)
class Fleet:
    """scenes of so many frames; boxes: of each frame, of both models together."""

    scenes: int
    frames: int
    boxes: int


def make(root: Path, fleet: Fleet) -> None:
    """Put the scenes into `root`/data, their clouds all being those of one scene, and the predictions beside them."""
    plan = ScenePlan(DATASET, "test", 0, fleet.frames, CONCAT, annotated=False)
    data = root / "data" / "t4dataset" / DATASET
    write_scene(root / "scene", plan)
    for number in range(fleet.scenes):
        shutil.copytree(root / "scene", data / f"scene_{number:04d}" / "0", copy_function=os.link)
    frames = read_frames(root / "data" / "t4dataset", DATASET, max_sweeps=0)
    scenes = [frames[i : i + fleet.frames] for i in range(0, len(frames), fleet.frames)]
    for number, model in enumerate(MODELS):
        path = raw_file(root / "auto_label" / SET / "raw", model)
        with writing(path, CLASSES, DATASET, {}) as write:
            for index, listed in enumerate(scenes):
                write(listed, _predict(listed, number, index, fleet.boxes // len(MODELS)))


def _predict(frames: tuple[Frame, ...], model: int, scene: int, count: int) -> BoxTable:
    """What a model says: the same objects as the other one, but its own errors and clutter."""
    world, own = np.random.default_rng([scene]), np.random.default_rng([scene, model])
    objects = int(count * FOUND)
    labels = world.choice(len(CLASSES), objects, p=SHARES)
    here = compose(frames[0].ego2global, frames[0].lidar2ego)
    places = apply(here, np.column_stack([world.uniform(-100, 100, (objects, 2)), np.full(objects, 0.8)]))
    headings = world.uniform(-np.pi, np.pi, objects)
    speeds = np.where(world.random(objects) < 0.5, 0.0, SPEEDS[labels])[:, None]
    velocities = speeds * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    rows = []
    for frame in frames:
        to_lidar = inverse(compose(frame.ego2global, frame.lidar2ego))
        passed = frame.timestamp - frames[0].timestamp
        centres = apply(to_lidar, places + np.column_stack([velocities * passed, np.zeros(objects)]))
        turned = headings + yaw_of(to_lidar[:3, :3])
        truth = np.column_stack([centres, SIZES[labels], turned])
        rows.append(_frame(truth, labels, speeds * np.stack([np.cos(turned), np.sin(turned)], axis=1), count, own))
    boxes, named, moving, scores = (np.concatenate(column) for column in zip(*rows, strict=True))
    ids = b"".join(uuid.UUID(int=(model << 96) + (scene << 64) + row).bytes for row in range(len(boxes)))
    starts = np.arange(len(frames) + 1) * count
    return BoxTable(starts, boxes, moving, named, scores, np.frombuffer(ids, dtype=ID))


def _frame(
    truth: np.ndarray, labels: np.ndarray, velocities: np.ndarray, count: int, rng: Generator
) -> Iterator[np.ndarray]:
    """Boxes, labels, velocities and scores of one frame: each object once, then clutter around objects and anywhere."""
    clutter = count - len(truth)
    near = rng.integers(0, len(truth), clutter)
    boxes = np.concatenate([truth, truth[near]]) + rng.normal(scale=[0.2, 0.2, 0.1, 0, 0, 0, 0.05], size=(count, 7))
    boxes[:, 3:6] *= rng.uniform(0.9, 1.1, (count, 3))
    anywhere = np.arange(count) >= count - clutter // 2
    boxes[anywhere, :2] = rng.uniform(-100, 100, (int(anywhere.sum()), 2))
    named = np.concatenate([labels, labels[near]])
    yield boxes
    yield named
    yield np.concatenate([velocities, velocities[near]]) + rng.normal(scale=0.3, size=(count, 2))
    yield np.concatenate([rng.beta(5, 3, len(truth)), rng.beta(1.5, 6, clutter)])
