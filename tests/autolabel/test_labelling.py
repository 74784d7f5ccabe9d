"""From raw predictions to labels, scene by scene."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from t4zoo.autolabel.filter_rules import Filters
from t4zoo.autolabel.labelling import Labelling
from t4zoo.autolabel.labels import SceneLabels
from t4zoo.autolabel.raw import read_raw
from t4zoo.autolabel.rules import Ensemble, Merge, ModelRules
from t4zoo.autolabel.tracking.rules import TrackingRules, read_tracking
from t4zoo.points import PointsError, points_in_boxes_count, read_points
from tests.autolabel.workspace import CLASSES, DATASET, SET, predict_truth, truth_frames
from tests.pipeline import ROOT

ONE, TWO = "CenterPoint-t4base", "TransFusion-t4base"
GROUPS = (("car", "truck", "bus"), ("bicycle",), ("pedestrian",))
OFF = TrackingRules(None)


def kalman(**smoothing: object) -> TrackingRules:
    rules = yaml.safe_load((ROOT / "conf" / "tracking" / "kalman.yaml").read_text())
    return read_tracking({**rules, "smoothing": {**rules["smoothing"], **smoothing}}, "kalman.yaml")


def ensemble(*names: str, threshold: float = 0.0, filters: Filters | None = None, kind: str = "nms") -> Ensemble:
    models = tuple(ModelRules(name, 1.0, CLASSES, dict.fromkeys(CLASSES, threshold)) for name in names)
    return Ensemble(models, GROUPS, 0.2, Merge(kind, "ignore"), filters or Filters())  # type: ignore[arg-type]


def labelling_of(root: Path, rules: Ensemble, tracking: TrackingRules = OFF) -> Labelling:
    raw = read_raw(root / "auto_label" / SET / "raw", rules, DATASET)
    return Labelling(raw, rules, tracking, root / "data" / "t4dataset")


def counted(root: Path, scene: SceneLabels) -> list[int]:
    counts = []
    for number, frame in enumerate(scene.frames):
        points = read_points(root / "data" / "t4dataset" / frame.lidar_path)
        counts += points_in_boxes_count(points, scene.labels.boxes.of_frame(number).boxes).tolist()
    return counts


def test_every_scene_comes_once_in_order_with_its_frames_and_counted_points(made: Path) -> None:
    labelling = labelling_of(made, ensemble(ONE))
    scenes = list(labelling)
    truth = truth_frames(made)
    assert tuple(scene.frames[0].scene for scene in scenes) == labelling.scenes == tuple(sorted(labelling.scenes))
    assert [frame.token for scene in scenes for frame in scene.frames] == [frame.token for frame in truth]
    for scene in scenes:
        assert len(scene.labels.boxes.starts) == len(scene.frames) + 1
        assert scene.labels.num_lidar_pts.tolist() == counted(made, scene)
        assert scene.labels.num_lidar_pts.sum() > 0
        assert not any(len(frame.instances) or frame.predictions for frame in scene.frames)


def test_counts_tell_what_each_step_left_of_each_class(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=5, shift=0.05)
    rules = ensemble(ONE, TWO, threshold=0.4, filters=Filters(range={"car": (0.0, 15.0)}, points={"all": 5}))
    labelling = labelling_of(workspace, rules, kalman())
    assert labelling.counts.raw.sum() == 0
    scenes = list(labelling)
    counts = labelling.counts
    truth = np.bincount(np.concatenate([frame.instances.labels for frame in truth_frames(workspace)]), minlength=5)
    assert counts.raw.tolist() == [truth.tolist()] * 2
    assert (counts.kept < counts.raw).any() and (counts.merged < counts.kept.sum(axis=0)).any()
    assert counts.filtered.sum() < counts.merged.sum()
    final = np.concatenate([scene.labels.boxes.labels for scene in scenes])
    assert counts.final.tolist() == np.bincount(final, minlength=5).tolist()
    assert (counts.scenes, counts.frames) == (2, 4)


def test_iterating_again_counts_anew(made: Path) -> None:
    labelling = labelling_of(made, ensemble(ONE))
    once = [len(scene.labels) for scene in labelling]
    first = labelling.counts.final.tolist()
    assert [len(scene.labels) for scene in labelling] == once
    assert labelling.counts.final.tolist() == first


def test_the_threshold_of_each_model_is_its_own(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=5)
    rules = ensemble(ONE, TWO)
    strict = dataclasses.replace(rules.models[1], thresholds=dict.fromkeys(CLASSES, 0.9))
    rules = dataclasses.replace(rules, models=(rules.models[0], strict))
    for scene in labelling_of(workspace, rules):
        said = scene.labels.said
        assert (np.nan_to_num(said[:, 1], nan=1.0) >= 0.9).all()
        assert (np.nan_to_num(said[:, 0], nan=1.0) < 0.9).any()


def test_a_label_has_the_points_that_the_filter_wants(made: Path) -> None:
    every = [n for scene in labelling_of(made, ensemble(ONE)) for n in scene.labels.num_lidar_pts.tolist()]
    enough = [
        n
        for scene in labelling_of(made, ensemble(ONE, filters=Filters(points={"all": 40})))
        for n in scene.labels.num_lidar_pts.tolist()
    ]
    assert enough == [n for n in every if n >= 40]
    assert 0 < len(enough) < len(every)


@pytest.mark.parametrize("size", ["median", "keep"])
@pytest.mark.parametrize("points", [{}, {"all": 1}], ids=["no filter", "filter"])
def test_points_are_those_of_the_boxes_that_are_written_after_sizes_were_smoothed(
    workspace: Path, size, points
) -> None:
    predict_truth(workspace, ONE, seed=1, stretch=0.3)
    labelling = labelling_of(workspace, ensemble(ONE, filters=Filters(points=points)), kalman(size=size))
    for scene in labelling:
        assert scene.labels.num_lidar_pts.tolist() == counted(workspace, scene)
        assert all(name.tobytes().strip(b"\0") for name in scene.labels.tracks)


def test_two_models_that_agree_are_fused_to_what_both_said(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=5)
    alone = list(labelling_of(workspace, ensemble(ONE)))
    for scene, single in zip(labelling_of(workspace, ensemble(ONE, TWO, kind="wbf")), alone, strict=True):
        assert len(scene.labels) == len(single.labels)
        assert not np.isnan(scene.labels.said).any()
        assert np.sort(scene.labels.boxes.boxes, axis=0) == pytest.approx(
            np.sort(single.labels.boxes.boxes, axis=0), abs=1e-8
        )


def test_a_lost_cloud_stops_with_its_name(workspace: Path) -> None:
    lost = sorted((workspace / "data" / "t4dataset" / DATASET).rglob("*.pcd.bin"))[-1]
    lost.unlink()
    with pytest.raises(PointsError, match=lost.name):
        list(labelling_of(workspace, ensemble(ONE)))


def test_the_order_of_the_models_decides_nothing_but_ties(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=5, shift=0.05)
    one, other = (list(labelling_of(workspace, ensemble(*names))) for names in ((ONE, TWO), (TWO, ONE)))
    for first, second in zip(one, other, strict=True):
        assert sorted(first.labels.boxes.ids.tolist()) == sorted(second.labels.boxes.ids.tolist())


def test_labelling_imports_neither_torch_nor_mmengine_nor_dvc() -> None:
    code = (
        "import sys, stages.autolabel; print(sorted({'torch', 'mmengine', 'dvc', 'shapely', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
