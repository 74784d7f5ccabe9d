"""The files of an auto_label folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from t4zoo.autolabel.folder import Naming, write_log, write_scene_list, writing_infos
from t4zoo.autolabel.labelling import Labelling
from t4zoo.autolabel.labels import Labels, SceneLabels
from t4zoo.dataset import LidarDataset
from t4zoo.info import load
from t4zoo.t4.dataset_list import read_dataset_list
from tests.autolabel.test_pseudo import ONE, annotations, autolabel, by_rank, ensemble, labelling_of, scenes_below
from tests.autolabel.workspace import CLASSES, DATASET, SET

NAMING = Naming(SET, DATASET, CLASSES, ("CenterPoint/t4base@v1.0.0",))


@pytest.fixture(scope="module")
def labelled(made: Path) -> tuple[list[SceneLabels], Labelling]:
    labelling = labelling_of(made, ensemble(ONE, threshold=0.5))
    return list(labelling), labelling


def write_infos(folder: Path, scenes: list[SceneLabels]) -> None:
    with writing_infos(folder, NAMING) as write:
        for scene in scenes:
            write(scene)


def test_filtered_infos_hold_the_scored_boxes_that_are_left(labelled, tmp_path: Path) -> None:
    scenes, _ = labelled
    write_infos(tmp_path, scenes)
    info = load(tmp_path / "pseudo_infos_filtered.pkl")
    assert (info.classes, info.version, info.extra) == (CLASSES, DATASET, {"models": ["CenterPoint/t4base@v1.0.0"]})
    wanted = [scene.labels.boxes.of_frame(number) for scene in scenes for number in range(len(scene.frames))]
    for frame, boxes in zip(info.frames, wanted, strict=True):
        assert frame.predictions is not None
        assert frame.predictions.ids == boxes.ids
        assert frame.predictions.scores.tolist() == boxes.scores.tolist()
        assert frame.predictions.scores.min() >= 0.5
        assert len(frame.instances) == 0


def test_info_all_can_be_trained_on_with_the_input_scenes_clouds(made: Path, labelled, tmp_path: Path) -> None:
    scenes, _ = labelled
    write_infos(tmp_path, scenes)
    dataset = LidarDataset(
        tmp_path / "info_all.pkl",
        made / "data" / "t4dataset",
        ["x", "y", "z"],
        [-100.0, -100.0, -10.0, 100.0, 100.0, 10.0],
        max_sweeps=1,
        class_names=CLASSES,
        min_points=1,
    )
    assert len(dataset) == sum(len(scene.frames) for scene in scenes)
    with_points = sum(int((scene.labels.num_lidar_pts > 0).sum()) for scene in scenes)
    assert sum(len(dataset[i][1].boxes) for i in range(len(dataset))) == with_points > 0


@pytest.mark.parametrize("change", [lambda labels: labels, by_rank], ids=["untracked", "tracked"])
def test_an_object_has_the_same_token_in_info_all_and_in_the_pseudo_scenes(workspace: Path, change) -> None:
    scenes, target = autolabel(workspace, ensemble(ONE), change=change)
    write_infos(workspace / "auto_label" / SET, scenes)
    info = load(workspace / "auto_label" / SET / "info_all.pkl")
    said = {(frame.token, token) for frame in info.frames for token in frame.instances.tokens}
    assert said == {
        (row.sample_token, row.instance_token) for scene in scenes_below(target) for row in annotations(scene)
    }


def test_infos_are_the_same_bytes_twice(labelled, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_infos(tmp_path / name, labelled[0])
        write_scene_list(tmp_path / name, SET, ["a/0", "b/3"])
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_an_info_file_that_is_not_finished_leaves_that_of_before(labelled, tmp_path: Path) -> None:
    write_infos(tmp_path, labelled[0][:1])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(KeyboardInterrupt), writing_infos(tmp_path, NAMING) as write:
        write(labelled[0][0])
        raise KeyboardInterrupt
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_dataset_list_names_the_scenes_in_the_form_of_any_other(tmp_path: Path) -> None:
    write_scene_list(tmp_path, SET, ["a/0", "b/3"])
    read = read_dataset_list(tmp_path, "dataset_id_list")
    assert [scene.key for scene in read.splits["train"]] == ["a/0", "b/3"]
    assert read.splits["val"] == read.splits["test"] == ()
    assert yaml.safe_load((tmp_path / "dataset_id_list.yaml").read_text())["dataset_version"] == SET


def test_the_log_tells_models_thresholds_settings_and_what_each_step_left(made: Path, tmp_path: Path) -> None:
    rules = ensemble(ONE, threshold=0.5)
    labelling = labelling_of(made, rules)
    scenes = list(labelling)
    write_log(tmp_path, NAMING, rules, {"merge": {"kind": "nms"}}, labelling.counts, {"car": 7})
    lines = (tmp_path / "log.log").read_text().splitlines()
    assert lines[0] == f"{SET}: {DATASET}, 2 scenes, 4 frames"
    assert f"{ONE} as CenterPoint/t4base@v1.0.0, weight 1" in lines
    assert "merge: {kind: nms}" in lines
    raw, kept = int(labelling.counts.raw.sum()), int(labelling.counts.kept.sum())
    assert 0 < kept < raw
    one, together = [line.split() for line in lines if line.startswith("all ") and line != "all models together"]
    assert one == ["all", str(raw), str(kept)]
    assert together == ["all", *[str(sum(len(scene.labels) for scene in scenes))] * 3, "7"]
    assert [line.split() for line in lines if line.startswith("class")] == [
        ["class", "threshold", "raw", "kept"],
        ["class", "merged", "filtered", "labels", "objects"],
    ]
    cars = int(labelling.counts.final[CLASSES.index("car")])
    assert ["car", *[str(cars)] * 3, "7"] in [line.split() for line in lines]


def test_a_scene_in_which_nothing_was_found_is_written_all_the_same(workspace: Path) -> None:
    def nothing(labels: Labels) -> Labels:
        return labels.take(np.zeros(len(labels), dtype=bool))

    scenes, target = autolabel(workspace, ensemble(ONE), change=nothing)
    write_infos(workspace / "auto_label" / SET, scenes)
    info = load(workspace / "auto_label" / SET / "info_all.pkl")
    assert [len(frame.instances) for frame in info.frames] == [0] * 4
    assert [len(annotations(scene)) for scene in scenes_below(target)] == [0, 0]
