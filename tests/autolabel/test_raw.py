"""Raw predictions of several models, side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from t4zoo.autolabel.raw import Raw, RawError, raw_file, read_raw
from t4zoo.autolabel.rules import Ensemble, ModelRules
from t4zoo.autolabel.scenes import ScenesError, read_frames
from t4zoo.boxes import BoxTable
from t4zoo.errors import UsageError
from t4zoo.info import Frame, Predictions
from t4zoo.parquet import BoxFile, ParquetError, writing
from tests.autolabel.workspace import CLASSES, DATASET, SET, predict_truth

ONE, TWO = "CenterPoint-t4base", "TransFusion-t4base"
Scene = tuple[list[Frame], list[Predictions]]


def ensemble(*names: str) -> Ensemble:
    return Ensemble(tuple(ModelRules(name, 1.0, CLASSES, dict.fromkeys(CLASSES, 0.3)) for name in names), (), 0.2)


def raw_folder(workspace: Path) -> Path:
    return workspace / "auto_label" / SET / "raw"


def raw_of(workspace: Path, *names: str) -> Raw:
    return read_raw(raw_folder(workspace), ensemble(*names), DATASET)


def rewrite(path: Path, edit: Callable[[list[Scene]], list[Scene]], **meta: object) -> None:
    """Write the file again with other scenes, each a list of frames and of their boxes, or with another head."""
    file = BoxFile(path)
    scenes = [
        (list(file.frames(i)), [file.boxes(i).of_frame(frame) for frame in range(len(file.tokens(i)))])
        for i in range(len(file.scenes))
    ]
    head = {"classes": file.classes, "version": file.version, "extra": file.extra, **meta}
    with writing(path, **head) as write:
        for frames, predictions in edit(scenes):
            write(frames, BoxTable.of(predictions))


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


def test_scenes_come_as_they_stand_in_the_file_with_all_their_frames(made: Path) -> None:
    frames = read_frames(made / "data" / "t4dataset", DATASET, max_sweeps=1)
    raw = raw_of(made, ONE)
    read = list(raw)
    assert [scene.name for scene in read] == list(raw.scenes) == sorted({frame.scene for frame in frames})
    assert [frame.token for scene in read for frame in scene.frames] == [frame.token for frame in frames]
    assert all(len(scene.boxes) == 1 and len(scene.boxes[0]) > 0 for scene in read)


def test_a_model_without_predictions_is_named_with_the_cure(made: Path) -> None:
    with pytest.raises(RawError, match=f"raw_{TWO}.parquet: the ensemble wants .*{TWO}.*dvc repro"):
        raw_of(made, ONE, TWO)


def test_predictions_without_their_columns_are_told(workspace: Path) -> None:
    file = raw_file(raw_folder(workspace), ONE)
    file.rename(file.with_suffix(".pkl"))
    with pytest.raises(RawError, match=f"not there; pseudo_infos_raw_{ONE}.pkl is, .*run predict again"):
        raw_of(workspace, ONE)


def test_a_file_that_is_none_of_ours_is_refused_with_its_name(workspace: Path) -> None:
    raw_file(raw_folder(workspace), ONE).write_bytes(b"thesis")
    with pytest.raises(ParquetError, match=f"raw_{ONE}.parquet.*fetch it again"):
        raw_of(workspace, ONE)


def test_predictions_of_another_dataset_are_refused(made: Path) -> None:
    with pytest.raises(RawError, match=f"predictions of {DATASET}, not of other_v1"):
        read_raw(raw_folder(made), ensemble(ONE), "other_v1")


def test_a_class_that_the_model_does_not_know_is_an_error_and_not_a_silent_nothing(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=2, classes=("animal", *CLASSES))
    rules = ModelRules(ONE, 1.0, ("car", "animal"), {"car": 0.3, "animal": 0.3})
    animals = Ensemble((rules, dataclasses.replace(rules, name=TWO)), (), 0.2)
    with pytest.raises(UsageError, match=f"{ONE}: use_label names animal, but the model knows car, truck, bus"):
        read_raw(raw_folder(workspace), animals, DATASET)
    assert read_raw(raw_folder(workspace), dataclasses.replace(animals, models=animals.models[1:]), DATASET)


def test_models_with_other_class_lists_share_one_in_the_order_of_first_mention(workspace: Path) -> None:
    predict_truth(workspace, TWO, seed=2, classes=("pedestrian", "train", *CLASSES[:4]))
    raw = raw_of(workspace, ONE, TWO)
    assert raw.classes == (*CLASSES, "train")
    assert raw.models == ("CenterPoint/t4base@v1.0.0", "TransFusion/t4base@v1.0.0")
    for scene in raw:
        assert scene.boxes[0].labels.tolist() == scene.boxes[1].labels.tolist()


def test_frames_are_matched_by_token_whatever_their_order(workspace: Path) -> None:
    path = predict_truth(workspace, TWO, seed=2)
    rewrite(path, lambda scenes: [(frames[::-1], boxes[::-1]) for frames, boxes in scenes[::-1]])
    for scene in raw_of(workspace, ONE, TWO):
        first, second = scene.boxes
        assert first.boxes.tolist() == second.boxes.tolist()
        assert first.starts.tolist() == second.starts.tolist()


def test_a_copy_of_a_scene_under_another_id_keeps_predictions_of_its_own(workspace: Path) -> None:
    def copied(scenes: list[Scene]) -> list[Scene]:
        frames, boxes = scenes[0]
        copies = [dataclasses.replace(frame, scene="copy/0") for frame in frames]
        return [*scenes, (copies, [Predictions.empty()] * len(boxes))]

    rewrite(raw_file(raw_folder(workspace), ONE), copied)
    assert [len(scene.boxes[0]) > 0 for scene in raw_of(workspace, ONE)] == [True, True, False]


def test_a_frame_that_is_listed_twice_is_refused(workspace: Path) -> None:
    def twice(scenes: list[Scene]) -> list[Scene]:
        frames, boxes = scenes[0]
        return [([*frames, frames[0]], [*boxes, boxes[0]]), *scenes[1:]]

    path = raw_file(raw_folder(workspace), ONE)
    rewrite(path, twice)
    with pytest.raises(RawError, match=f"raw_{ONE}.parquet: holds a frame of .* twice"):
        list(raw_of(workspace, ONE))
    predict_truth(workspace, TWO, seed=2)
    rewrite(path, lambda scenes: [scenes[0]])  # now the shorter list
    with pytest.raises(RawError, match=f"raw_{ONE}.parquet: holds a frame of .* twice"):
        list(raw_of(workspace, TWO, ONE))


def test_a_scene_that_is_listed_twice_is_refused(workspace: Path) -> None:
    rewrite(raw_file(raw_folder(workspace), ONE), lambda scenes: [*scenes, scenes[0]])
    with pytest.raises(RawError, match="holds a scene twice"):
        raw_of(workspace, ONE)


def test_a_frame_that_one_model_skipped_has_no_boxes_of_it(workspace: Path) -> None:
    path = predict_truth(workspace, TWO, seed=2)
    rewrite(path, lambda scenes: [(scenes[0][0][1:], scenes[0][1][1:]), *scenes[1:]])
    first, second = raw_of(workspace, TWO, ONE)
    assert np.diff(first.boxes[0].starts).tolist() == [0, len(first.boxes[0])]
    assert np.diff(first.boxes[1].starts).all() and np.diff(second.boxes[0].starts).all()
    assert len(first.frames) == 2


def test_a_scene_that_one_model_skipped_has_no_boxes_of_it(workspace: Path) -> None:
    rewrite(predict_truth(workspace, TWO, seed=2), lambda scenes: scenes[1:])
    first, second = raw_of(workspace, TWO, ONE)
    assert (len(first.boxes[0]), first.boxes[0].starts.tolist()) == (0, [0, 0, 0])
    assert len(first.boxes[1]) > 0 and len(second.boxes[0]) > 0


def test_a_frame_that_the_longer_list_lacks_is_refused(workspace: Path) -> None:
    def strange(scenes: list[Scene]) -> list[Scene]:
        frames, boxes = scenes[0]
        return [([dataclasses.replace(frames[0], token="strange"), *frames[1:]], boxes), *scenes[1:]]

    rewrite(predict_truth(workspace, TWO, seed=2), strange)
    with pytest.raises(RawError, match=f"raw_{TWO}.parquet: holds the frame strange"):
        list(raw_of(workspace, ONE, TWO))


def test_a_scene_that_the_longer_list_lacks_is_refused(workspace: Path) -> None:
    def strange(scenes: list[Scene]) -> list[Scene]:
        frames, boxes = scenes[0]
        return [([dataclasses.replace(frame, scene="strange/0") for frame in frames], boxes), *scenes[1:]]

    rewrite(predict_truth(workspace, TWO, seed=2), strange)
    with pytest.raises(RawError, match=f"raw_{TWO}.parquet: holds the scene strange/0"):
        raw_of(workspace, ONE, TWO)


@pytest.mark.parametrize(
    ("column", "place", "value", "said"),
    [
        ("boxes", (0, 3), 0.0, "no size"),
        ("boxes", (0, 4), -1.0, "no size"),
        ("boxes", (0, 6), np.nan, "not finite"),
        ("velocities", (0, 1), np.inf, "not finite"),
        ("scores", 0, 1.5, "score"),
        ("scores", 0, np.nan, "score"),
        ("labels", 0, 5, "none of the file's classes"),
        ("labels", 0, -1, "none of the file's classes"),
    ],
)
def test_a_box_that_no_scene_may_hold_is_refused_with_its_frame(workspace: Path, column, place, value, said) -> None:
    def spoilt(scenes: list[Scene]) -> list[Scene]:
        getattr(scenes[1][1][1], column)[place] = value
        return scenes

    path = raw_file(raw_folder(workspace), ONE)
    rewrite(path, lambda scenes: spoilt([(frames, list(map(copy_of, boxes))) for frames, boxes in scenes]))
    file = BoxFile(path)
    with pytest.raises(RawError, match=f"frame {file.tokens(1)[1]} of {file.scenes[1]} has .*{said}"):
        list(raw_of(workspace, ONE))


def copy_of(rows: Predictions) -> Predictions:
    """To write in: what is read from a file is not."""
    columns = (np.array(getattr(rows, name)) for name in ("boxes", "velocities", "labels", "scores"))
    return Predictions(*columns, rows.ids)


def test_an_unknown_velocity_is_allowed(workspace: Path) -> None:
    def unknown(scenes: list[Scene]) -> list[Scene]:
        return [
            (frames, [dataclasses.replace(rows, velocities=np.full((len(rows), 2), np.nan)) for rows in boxes])
            for frames, boxes in scenes
        ]

    rewrite(raw_file(raw_folder(workspace), ONE), unknown)
    assert all(np.isnan(scene.boxes[0].velocities).all() for scene in raw_of(workspace, ONE))


def test_predictions_that_nobody_signed_are_signed_with_the_files_name(workspace: Path) -> None:
    rewrite(raw_file(raw_folder(workspace), ONE), lambda scenes: scenes, extra={})
    assert raw_of(workspace, ONE).models == (ONE,)
