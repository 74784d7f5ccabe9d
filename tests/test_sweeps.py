"""Several earlier clouds on their whole way: scene, info file, training frame, pasted object, network."""

from pathlib import Path

import numpy as np
import pytest

from t4zoo.augment.frames import TrainingFrames
from t4zoo.augment.objects import inside
from t4zoo.info import Info, load, save
from t4zoo.models.common import checkpoint
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import LabelMap
from t4zoo.t4.reader import read_scene
from t4zoo.t4.synth_scene import CONCAT, TURNED_TOP, ScenePlan, write_scene
from tests.models.common.trainings import run

CLASSES = ("car", "truck", "bus", "bicycle", "pedestrian")
SWEEPS = 3
LABELS = LabelMap(CLASSES, {name: name for name in CLASSES})
EVERYWHERE = [-100.0, -100.0, -10.0, 100.0, 100.0, 10.0]


@pytest.fixture(scope="module", params=[CONCAT, TURNED_TOP], ids=["in the ego frame", "in a turned lidar's frame"])
def data(request, tmp_path_factory) -> Path:
    """An info file of one scene, and the scene."""
    root = tmp_path_factory.mktemp("sweeps")
    plan = ScenePlan("db_sample_v1", "train", 0, SWEEPS + 2, request.param)
    write_scene(root / plan.dataset / plan.key, plan)
    frames = frames_of(read_scene(root / plan.dataset / plan.id), plan.dataset, FrameSettings(LABELS, SWEEPS))
    save(root / "info_train.pkl", Info(CLASSES, "base", frames, {"max_sweeps": SWEEPS}))
    return root


def training_frames(data: Path, **options) -> TrainingFrames:
    given = {
        "info": data / "info_train.pkl",
        "data_root": data,
        "point_features": ["x", "y", "z", "intensity", "lag"],
        "point_cloud_range": EVERYWHERE,
        "max_sweeps": SWEEPS,
        "class_names": CLASSES,
        "augment": None,
        "paste": None,
        "seed": 0,
    }
    return TrainingFrames(**{**given, **options})


def ages(cloud) -> list[float]:
    return np.unique(np.round(cloud[:, 4].astype(np.float64), 3)).tolist()


def test_a_frame_has_as_many_earlier_clouds_as_there_were_each_with_its_age(data):
    frames = training_frames(data)
    assert [ages(frames[i][0].numpy()) for i in range(SWEEPS + 2)] == [
        [0.0], [0.0, 0.1], [0.0, 0.1, 0.2], [0.0, 0.1, 0.2, 0.3], [0.0, 0.1, 0.2, 0.3],
    ]  # fmt: skip
    assert ages(training_frames(data, max_sweeps=1)[4][0].numpy()) == pytest.approx([0.0, 0.1])


def test_objects_are_found_in_all_clouds_where_they_were_at_its_time(data):
    # What stands still is where it is now, although the ego moved; what moves trails behind by its velocity.
    cloud, sample = training_frames(data, min_points=20)[SWEEPS + 1]
    boxes, velocities, points = sample.boxes.double().numpy(), sample.velocities.double().numpy(), cloud.numpy()
    assert len(boxes) > 1
    assert np.linalg.norm(velocities, axis=1).max() > 2.0
    boxes[:, 3:6] += 0.1
    for box, velocity in zip(boxes, velocities, strict=True):
        found = points[inside(points, box, velocity)]
        counts = [np.count_nonzero(np.round(found[:, 4], 1) == age) for age in (0.0, 0.1, 0.2, 0.3)]
        assert min(counts) > 0.5 * max(counts), counts


def test_an_object_is_cut_out_with_its_points_of_all_clouds(data, tmp_path):
    paste = {"epochs": 1, "most": 100, "min_points": 20, "folder": tmp_path / "objects"}
    objects = training_frames(data, paste={**paste, "per_frame": dict.fromkeys(CLASSES, 9)}).paste.objects
    assert len(objects.labels) > SWEEPS
    assert max(ages(objects.points(number))[-1] for number in range(len(objects.labels))) == pytest.approx(0.3)
    for number in range(len(objects.labels)):
        points, box = objects.points(number), objects.boxes[number]
        assert inside(points, box, objects.velocities[number]).all()


def test_a_network_is_trained_with_all_of_them(data, tmp_path):
    path = run(data, tmp_path / "train", f"product.max_sweeps={SWEEPS}", "algorithm.epochs=1")
    model, meta = checkpoint.build(path)
    assert model.max_sweeps == SWEEPS == load(data / "info_train.pkl").extra["max_sweeps"]
    assert "lag" in meta["model"]["point_features"]
