"""The files of an auto_label folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from t4zoo.autolabel.folder import write_dataset_list, write_infos, write_log
from t4zoo.autolabel.labelling import Labelling, label
from t4zoo.autolabel.raw import Raw, read_raw
from t4zoo.dataset import LidarDataset
from t4zoo.info import load
from t4zoo.t4.dataset_list import read_dataset_list
from tests.autolabel.test_pseudo import ONE, ensemble
from tests.autolabel.workspace import CLASSES, DATASET, SET


@pytest.fixture(scope="module")
def labelled(made: Path) -> tuple[Raw, Labelling]:
    raw = read_raw(made / "auto_label" / SET / "raw", ensemble(ONE), DATASET)
    return raw, label(raw, ensemble(ONE, threshold=0.5), made / "data" / "t4dataset")


def test_filtered_infos_hold_the_scored_boxes_that_are_left(labelled, tmp_path: Path) -> None:
    raw, labelling = labelled
    write_infos(tmp_path, SET, raw, labelling)
    info = load(tmp_path / "pseudo_infos_filtered.pkl")
    assert (info.classes, info.version, info.extra) == (CLASSES, DATASET, {"models": ["CenterPoint/t4base@v1.0.0"]})
    for frame, before in zip(info.frames, raw.predictions[0], strict=True):
        kept = [i for i, score in enumerate(before.scores) if score >= 0.5]
        assert frame.predictions is not None
        assert frame.predictions.ids == tuple(before.ids[i] for i in kept)
        assert len(frame.instances) == 0


def test_info_all_can_be_trained_on_with_the_input_scenes_clouds(made: Path, labelled, tmp_path: Path) -> None:
    raw, labelling = labelled
    write_infos(tmp_path, SET, raw, labelling)
    dataset = LidarDataset(
        tmp_path / "info_all.pkl",
        made / "data" / "t4dataset",
        ["x", "y", "z"],
        [-100.0, -100.0, -10.0, 100.0, 100.0, 10.0],
        max_sweeps=1,
        class_names=CLASSES,
        min_points=1,
    )
    assert len(dataset) == len(raw.frames)
    assert sum(len(dataset[i][1].boxes) for i in range(len(dataset))) == sum(
        int((frame.instances.num_lidar_pts > 0).sum()) for frame in labelling.frames
    )


def test_infos_are_the_same_bytes_twice(labelled, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_infos(tmp_path / name, SET, *labelled)
        write_dataset_list(tmp_path / name, SET, ["a/0", "b/3"])
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_the_dataset_list_is_one_that_create_info_reads(tmp_path: Path) -> None:
    write_dataset_list(tmp_path, SET, ["a/0", "b/3"])
    read = read_dataset_list(tmp_path, "dataset_id_list")
    assert [scene.key for scene in read.splits["train"]] == ["a/0", "b/3"]
    assert read.splits["val"] == read.splits["test"] == ()
    assert yaml.safe_load((tmp_path / "dataset_id_list.yaml").read_text())["dataset_version"] == SET


def test_the_log_tells_models_thresholds_and_counts(labelled, tmp_path: Path) -> None:
    raw, labelling = labelled
    write_log(tmp_path, SET, ensemble(ONE, threshold=0.5), raw, labelling)
    text = (tmp_path / "log.log").read_text()
    assert f"{SET}: {DATASET}, 2 scenes, 4 frames" in text
    assert f"{ONE} as CenterPoint/t4base@v1.0.0, weight 1" in text
    words = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith(CLASSES)}
    assert set(words) == set(CLASSES)
    before, after = int(labelling.raw.sum()), int(labelling.kept.sum())
    assert f"{'all':<16}{'':>10}{before:>10}{after:>10}" in text
    assert 0 < after < before
