"""Raw predictions of several models, side by side."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from t4zoo.autolabel.raw import RawError, read_raw, relabel
from t4zoo.autolabel.rules import Ensemble, ModelRules
from t4zoo.autolabel.scenes import ScenesError, read_frames
from t4zoo.info import load, save
from tests.autolabel.workspace import CLASSES, DATASET, SET, predict_truth

ONE, TWO = "CenterPoint-t4base", "TransFusion-t4base"


def ensemble(*names: str) -> Ensemble:
    return Ensemble(tuple(ModelRules(name, 1.0, CLASSES, dict.fromkeys(CLASSES, 0.3)) for name in names), (), 0.2)


def raw_folder(workspace: Path) -> Path:
    return workspace / "auto_label" / SET / "raw"


def test_scenes_are_read_by_name_with_and_without_revision_folders(made: Path) -> None:
    frames = read_frames(made / "data" / "t4dataset", DATASET, max_sweeps=1)
    scenes = list(dict.fromkeys(frame.scene for frame in frames))
    assert [frame.scene for frame in frames] == sorted(frame.scene for frame in frames)
    assert sorted(scene.partition("/")[2] for scene in scenes) == ["", "3"]
    assert {len(frame.sweeps) for frame in frames} == {0, 1}
    assert not any(len(frame.instances) for frame in frames)


def test_a_folder_without_scenes_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ScenesError, match=f"{tmp_path}/{DATASET}: no T4 scenes"):
        read_frames(tmp_path, DATASET, 1)
    (tmp_path / DATASET / ".hidden").mkdir(parents=True)
    with pytest.raises(ScenesError, match="no T4 scenes"):
        read_frames(tmp_path, DATASET, 1)


def test_a_model_without_predictions_is_named_with_the_cure(made: Path) -> None:
    with pytest.raises(RawError, match=f"raw_{TWO}.pkl: the ensemble wants .*{TWO}.*dvc repro"):
        read_raw(raw_folder(made), ensemble(ONE, TWO), DATASET)


def test_predictions_of_another_dataset_are_refused(made: Path) -> None:
    with pytest.raises(RawError, match=f"predictions of {DATASET}, not of other_v1"):
        read_raw(raw_folder(made), ensemble(ONE), "other_v1")


def test_models_with_other_class_lists_share_one_in_the_order_of_first_mention(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=2, classes=("pedestrian", "train", *CLASSES[:4]))
    raw = read_raw(raw_folder(workspace), ensemble(ONE, TWO), DATASET)
    assert raw.classes == (*CLASSES, "train")
    assert raw.models == ("CenterPoint/t4base@v1.0.0", "TransFusion/t4base@v1.0.0")
    for first, second in zip(*raw.predictions, strict=True):
        same = [relabel(rows, known, raw.classes) for rows, known in zip((first, second), raw.known, strict=True)]
        assert same[0].labels.tolist() == same[1].labels.tolist()


def test_frames_are_matched_by_token_whatever_their_order(workspace: Path) -> None:
    path = predict_truth(workspace, TWO, seed=2)
    info = load(path)
    save(path, dataclasses.replace(info, frames=info.frames[::-1]))
    raw = read_raw(raw_folder(workspace), ensemble(ONE, TWO), DATASET)
    for first, second in zip(*raw.predictions, strict=True):
        assert first.boxes.tolist() == second.boxes.tolist()


def test_a_copy_of_a_scene_under_another_id_keeps_predictions_of_its_own(workspace: Path) -> None:
    path = raw_folder(workspace) / f"pseudo_infos_raw_{ONE}.pkl"
    info = load(path)
    copies = (dataclasses.replace(frame, scene="copy/0", predictions=None) for frame in info.frames)
    save(path, dataclasses.replace(info, frames=(*info.frames, *copies)))
    raw = read_raw(raw_folder(workspace), ensemble(ONE), DATASET)
    assert [len(rows) > 0 for rows in raw.predictions[0]] == [True] * 4 + [False] * 4


def test_a_frame_that_is_listed_twice_is_refused(workspace: Path) -> None:
    path = raw_folder(workspace) / f"pseudo_infos_raw_{ONE}.pkl"
    info = load(path)
    save(path, dataclasses.replace(info, frames=(*info.frames, info.frames[0])))
    with pytest.raises(RawError, match="holds a frame twice"):
        read_raw(raw_folder(workspace), ensemble(ONE), DATASET)


def test_a_frame_that_one_model_skipped_has_no_boxes_of_it(workspace: Path) -> None:
    path = predict_truth(workspace, TWO, seed=2)
    info = load(path)
    save(path, dataclasses.replace(info, frames=info.frames[1:]))
    raw = read_raw(raw_folder(workspace), ensemble(TWO, ONE), DATASET)
    assert [len(rows) > 0 for rows in raw.predictions[0]] == [False, True, True, True]
    assert len(raw.frames) == 4


def test_a_frame_that_the_longer_list_lacks_is_refused(workspace: Path) -> None:
    path = predict_truth(workspace, TWO, seed=2)
    info = load(path)
    strange = dataclasses.replace(info.frames[0], token="strange")
    save(path, dataclasses.replace(info, frames=(strange, *info.frames[1:])))
    with pytest.raises(RawError, match=f"raw_{TWO}.pkl: holds the frame strange"):
        read_raw(raw_folder(workspace), ensemble(ONE, TWO), DATASET)


def test_a_label_outside_of_the_classes_is_refused(workspace: Path) -> None:
    path = raw_folder(workspace) / f"pseudo_infos_raw_{ONE}.pkl"
    save(path, dataclasses.replace(load(path), classes=("car",)))
    with pytest.raises(RawError, match="a box of none of the file's classes"):
        read_raw(raw_folder(workspace), ensemble(ONE), DATASET)


@pytest.mark.parametrize(
    ("column", "place", "value", "said"),
    [
        ("boxes", (0, 3), 0.0, "no size"),
        ("boxes", (0, 4), -1.0, "no size"),
        ("boxes", (0, 6), np.nan, "not finite"),
        ("velocities", (0, 1), np.inf, "not finite"),
        ("scores", 0, 1.5, "score"),
        ("scores", 0, np.nan, "score"),
    ],
)
def test_a_box_that_no_scene_may_hold_is_refused_with_its_frame(workspace: Path, column, place, value, said) -> None:
    path = raw_folder(workspace) / f"pseudo_infos_raw_{ONE}.pkl"
    info = load(path)
    rows = info.frames[2].predictions
    assert rows is not None
    getattr(rows, column)[place] = value
    save(path, info)
    with pytest.raises(RawError, match=f"frame {info.frames[2].token} of .*{said}"):
        read_raw(raw_folder(workspace), ensemble(ONE), DATASET)


def test_predictions_that_nobody_signed_are_signed_with_the_files_name(workspace: Path) -> None:
    path = raw_folder(workspace) / f"pseudo_infos_raw_{ONE}.pkl"
    save(path, dataclasses.replace(load(path), extra={}))
    assert read_raw(raw_folder(workspace), ensemble(ONE), DATASET).models == (ONE,)
