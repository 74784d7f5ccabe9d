from pathlib import Path

import pytest

from t4zoo.t4.dataset_list import DatasetListError, SceneId, parse_scene_id, read_dataset_list

ID = "e4359aff-ea82-4ff0-860b-9ad24808cfd2"


@pytest.mark.parametrize(
    ("text", "scene", "key"),
    [
        (ID, SceneId(ID), ID),
        (f"{ID}/12", SceneId(ID, "12"), f"{ID}/12"),
        (f"{ID}/1/odaiba/j6gen2", SceneId(ID, "1", "odaiba", "j6gen2"), f"{ID}/1"),
        (f"{ID}/1/odaiba/j6gen2/cone-barrier", SceneId(ID, "1", "odaiba", "j6gen2", "cone-barrier"), f"{ID}/1"),
    ],
)
def test_the_scene_ids_of_all_dataset_lists_are_understood(text: str, scene: SceneId, key: str):
    assert parse_scene_id(text) == scene
    assert parse_scene_id(text).key == key


@pytest.mark.parametrize(
    "text",
    ["", "/", f"{ID}/", f"{ID}/x", f"{ID}/-1", f"{ID}/1.0", f"{ID}/\N{FULLWIDTH DIGIT ONE}", f"{ID}/1/odaiba",
     f"{ID}/1/a/b/c/d", "../up", "..", "/etc/0", 7, None],
)  # fmt: skip
def test_what_is_no_scene_id_is_refused(text):
    with pytest.raises(DatasetListError):
        parse_scene_id(text)


def write(folder: Path, text: str) -> None:
    (folder / "db_x_v1.yaml").write_text(text)


def test_a_list_in_awmls_form_is_read(tmp_path: Path):
    write(tmp_path, f"version: 1\ndataset_version: db-x-v1.2\ndocs: words\ntrain:\n- {ID}/1\nval: []\ntest:\n")
    dataset = read_dataset_list(tmp_path, "db_x_v1")
    assert (dataset.name, dataset.dataset_version) == ("db_x_v1", "db-x-v1.2")
    assert dataset.splits == {"train": (SceneId(ID, "1"),), "val": (), "test": ()}


def test_a_missing_list_names_those_that_there_are(tmp_path: Path):
    write(tmp_path, "version: 1\n")
    with pytest.raises(DatasetListError, match="the datasets are: db_x_v1"):
        read_dataset_list(tmp_path, "db_y_v1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [", "not a YAML file"),
        ("- a", "not a dataset list"),
        ("version: 2\ntrain: []", "not a dataset list"),
        (f"version: 1\ntrian: [{ID}/0]", "'trian' is no split"),
        (f"version: 1\ntrain: {ID}/0", "train must be a list"),
        (f"version: 1\ntrain: [{ID}/0/odaiba]", "train: the scene"),
        (f"version: 1\ntrain: [{ID}/0]\ntest: [{ID}/1]", "is in train and again in test"),
        (f"version: 1\ntrain: [{ID}/0, {ID}/0]", "is in train and again in train"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str):
    write(tmp_path, text)
    with pytest.raises(DatasetListError, match=message):
        read_dataset_list(tmp_path, "db_x_v1")
