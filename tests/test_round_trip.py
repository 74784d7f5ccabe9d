"""An annotated box on its whole way: scene, info, training target, the node's decoding, pseudo scene, read again."""

import dataclasses
import math
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch

from t4zoo.autolabel.labels import Labels, SceneLabels
from t4zoo.autolabel.pseudo import PseudoScenes
from t4zoo.boxes import BoxTable
from t4zoo.export.CenterPoint.node_decode import every_box
from t4zoo.geometry import rotation_from_quaternion, wrap, yaw_of
from t4zoo.info import Frame, Predictions
from t4zoo.models.CenterPoint.coder import CHANNELS, Coder
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import T4Scene, read_scene
from t4zoo.t4.synth_scene import CONCAT, TURNED_TOP, Mount, ScenePlan, write_scene

CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")
SETTINGS = FrameSettings(LabelMap(CLASSES, {name: name for name in CLASSES}), max_sweeps=0)
CELLS, SIZE = 200, 0.5  # of a map that holds every box
NODE = {"voxel_size": [SIZE, SIZE, 8.0], "downsample_factor": 1}


def learnt(frame: Frame) -> Predictions:
    """What a network that has learnt its targets by heart makes of a frame, decoded as Autoware's node does it."""
    rows, coder = frame.instances, Coder((-50.0, -50.0), (SIZE, SIZE))
    boxes, velocities = (torch.from_numpy(column.astype(np.float32)) for column in (rows.boxes, rows.velocities))
    cells = coder.cells(boxes)
    found = []
    for values, (x, y) in zip(coder.encode(boxes, velocities, cells), cells.tolist(), strict=True):
        maps = np.zeros((sum(CHANNELS.values()), 1, CELLS), np.float32)  # one row of the map is enough
        maps[:, 0, x] = values.numpy()
        parts = np.split(maps, np.cumsum(list(CHANNELS.values()))[:-1])
        outputs = {
            "heatmap": np.zeros((1, 5, 1, CELLS), np.float32),
            **dict(zip(CHANNELS, (part[None] for part in parts), strict=True)),
        }
        model = NODE | {"point_cloud_range": [-50.0, -50.0 + SIZE * y, -3.0, 50.0, 50.0, 5.0]}
        found.append(every_box(outputs, model).take(np.array([x])))
    ids = tuple(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{frame.token}/{i}")) for i in range(len(rows)))
    columns = (np.concatenate([getattr(one, name) for one in found]) for name in ("boxes", "velocities"))
    return Predictions(*columns, rows.labels, np.full(len(rows), 0.5), ids)


def in_map(scene: T4Scene) -> list[tuple[np.ndarray, float, np.ndarray]]:
    """Centre and size, heading and velocity of every annotation, by sample, in the map frame."""
    order = {sample.token: place for place, sample in enumerate(scene.samples)}
    rows = sorted(
        scene.tables.sample_annotation, key=lambda row: (order[row.sample_token], *np.round(row.translation, 2))
    )
    return [
        (
            np.array([*row.translation, *row.size]),
            yaw_of(rotation_from_quaternion(row.rotation)),
            np.array(row.velocity),
        )
        for row in rows
    ]


@pytest.mark.parametrize("mount", [CONCAT, TURNED_TOP], ids=["in the ego frame", "turned and tilted"])
def test_a_box_comes_back_to_its_place_in_the_map(mount: Mount, tmp_path: Path) -> None:
    plan = ScenePlan("db", "train", 0, 2, mount)
    write_scene(tmp_path / "db" / plan.key, plan)
    scene = read_scene(tmp_path / "db" / plan.id)
    frames = frames_of(scene, "db", SETTINGS)
    boxes = BoxTable.of([learnt(frame) for frame in frames])
    labels = dataclasses.replace(
        Labels.of(boxes, boxes.scores[:, None]),
        num_lidar_pts=np.concatenate([f.instances.num_lidar_pts for f in frames]),
    )
    with PseudoScenes(tmp_path / "db", tmp_path / "pseudo", CLASSES, ["Model/x@v1.0.0"], sample_steps=1) as pseudo:
        pseudo.write(SceneLabels(tuple(frames), labels))
    again = read_scene(tmp_path / "pseudo" / plan.id)
    assert len(again.tables.sample_annotation) == len(scene.tables.sample_annotation) > 30
    for (box, yaw, velocity), (theirs, heading, speed) in zip(in_map(scene), in_map(again), strict=True):
        np.testing.assert_allclose(theirs, box, atol=1e-3)
        assert abs(wrap(heading - yaw)) < 1e-3
        np.testing.assert_allclose(speed[:2], velocity[:2], atol=0.01)
    for frame, other in zip(frames, frames_of(again, "db", SETTINGS), strict=True):
        mine, theirs = (
            one.boxes[np.lexsort(np.round(one.boxes[:, :2].T, 2))] for one in (frame.instances, other.instances)
        )
        np.testing.assert_allclose(theirs[:, :6], mine[:, :6], atol=1e-3)
        assert max(abs(wrap(a - b)) for a, b in zip(theirs[:, 6], mine[:, 6], strict=True)) < 1e-5
    if mount is CONCAT:
        assert any(math.pi - abs(yaw) < 0.05 for frame in frames for yaw in frame.instances.boxes[:, 6])
