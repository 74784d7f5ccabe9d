"""Info files of pseudo scenes: tables of one place, clouds of another, and fewer frames."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import yaml

from t4zoo.info import load
from t4zoo.t4.convert import Sources, create_info
from t4zoo.t4.dataset_list import DatasetList, DatasetListError, parse_scene_id, read_dataset_list, write_dataset_list
from t4zoo.t4.reader import ReadError
from tests.pipeline import CONF
from tests.t4.scenes import edit

LABELS = yaml.safe_load((CONF / "labels" / "t4.yaml").read_text())
PRODUCT = yaml.safe_load((CONF / "product" / "pseudo.yaml").read_text())
PSEUDO = "pseudo_20241101_sample"


@pytest.fixture
def here(workspace: Path, tmp_path: Path) -> Path:
    """Two recordings, one of them without revision folder; and tables of both elsewhere, without any link to them."""
    scenes = sorted((workspace / "data" / "db_sample_v1").glob("*/0"))[:2]
    keys = [f"{scene.parent.name}/0" for scene in scenes]
    for place, scene, key in zip((keys[0], keys[1].removesuffix("/0")), scenes, keys, strict=True):
        shutil.copytree(scene, tmp_path / "data" / "sample_raw_v1" / place)
        shutil.copytree(scene / "annotation", tmp_path / "pseudo" / key / "annotation")
    shutil.copytree(workspace / "lists", tmp_path / "lists")
    shutil.copytree(workspace / "data" / "db_sample_x2_v1", tmp_path / "data" / "db_sample_x2_v1")
    write_list(tmp_path, 2)
    return tmp_path


def write_list(here: Path, sample_steps: int | None) -> None:
    keys = sorted(path.relative_to(here / "pseudo").as_posix() for path in (here / "pseudo").glob("*/0"))
    train = {"train": tuple(parse_scene_id(key) for key in keys)}
    write_dataset_list(here / "pseudo", DatasetList(PSEUDO, PSEUDO, train, "sample_raw_v1", sample_steps), "made here")


def convert(here: Path, *datasets: dict) -> dict:
    return create_info(
        PRODUCT | {"datasets": list(datasets)}, LABELS, Sources(here / "data", here / "lists"), here / "info", 50.0
    )


def pseudo(here: Path, **more) -> dict:
    return {"name": PSEUDO, "lists": str(here / "pseudo"), **more}


def test_frames_have_the_tables_of_the_pseudo_scenes_and_the_clouds_of_those_that_were_labelled(here: Path) -> None:
    for scene in (here / "pseudo").glob("*/0"):  # so that they are known from the recordings' own
        edit(scene, "category", lambda rows: [row.update(name="bus") for row in rows])
    convert(here, pseudo(here, sample_steps=1))
    frames = load(here / "info" / "info_train.pkl").frames
    assert {name for frame in frames for name in frame.instances.categories} == {"bus"}
    for frame in frames:
        assert (here / "data" / frame.lidar_path).is_file()
        assert frame.lidar_path.startswith(f"sample_raw_v1/{frame.scene.split('/')[0]}/")
        assert frame.scene.endswith("/0")
    assert len({frame.lidar_path.count("/") for frame in frames}) == 2  # with and without revision folder


def test_the_list_says_how_many_frames_are_taken_unless_the_product_does(here: Path) -> None:
    def taken() -> list[int]:
        return [frame.sample_idx for frame in load(here / "info" / "info_train.pkl").frames]

    convert(here, pseudo(here))
    assert taken() == [0, 2] * 2
    made_from = load(here / "info" / "info_train.pkl").extra["datasets"]
    assert made_from == [
        {"name": PSEUDO, "dataset_version": PSEUDO, "sample_steps": 2, "data_of": "sample_raw_v1"},
    ]
    convert(here, pseudo(here, sample_steps=3))
    assert taken() == [0] * 2


def test_a_product_is_trained_on_pseudo_scenes_and_judged_on_those_of_people(here: Path) -> None:
    people = {"name": "db_sample_x2_v1", "sample_steps": 1, "splits": ["val", "test"]}
    statistics = convert(here, pseudo(here), people)
    people_list = read_dataset_list(here / "lists", "db_sample_x2_v1")
    assert len(statistics["train"]["scenes"]) == 2
    for split in ("val", "test"):
        assert statistics[split]["scenes"] == [scene.key for scene in people_list.splits[split]]
        assert {frame.lidar_path.split("/")[0] for frame in load(here / "info" / f"info_{split}.pkl").frames} == {
            "db_sample_x2_v1"
        }


def test_a_labelled_scene_that_is_tested_on_is_refused(here: Path) -> None:
    name = sorted(path.name for path in (here / "pseudo").iterdir() if path.is_dir())[0]
    leak = DatasetList("db_leak_v1", "1", {"train": (), "test": (parse_scene_id(f"{name}/0"),)})
    write_dataset_list(here / "lists", leak, "a recording that people annotated too")
    tested = {"name": "db_leak_v1", "sample_steps": 1, "splits": ["test"]}
    with pytest.raises(DatasetListError, match=f"{name} is in {PSEUDO} .train. and again in db_leak_v1 .test."):
        convert(here, pseudo(here), tested)
    assert not (here / "info").exists()


def test_a_scene_of_a_split_that_is_not_taken_is_no_leak(here: Path) -> None:
    name = sorted(path.name for path in (here / "pseudo").iterdir() if path.is_dir())[0]
    both = DatasetList("db_both_v1", "1", {"train": (parse_scene_id(f"{name}/0"),)})
    write_dataset_list(here / "lists", both, "a recording that people annotated too")
    convert(here, pseudo(here), {"name": "db_both_v1", "sample_steps": 1, "splits": ["val", "test"]})


def test_pseudo_scenes_without_what_was_labelled_are_refused_by_name(here: Path) -> None:
    shutil.rmtree(here / "data" / "sample_raw_v1")
    with pytest.raises(ReadError, match="not found"):
        convert(here, pseudo(here))


def test_a_list_that_says_no_steps_leaves_them_to_the_product(here: Path) -> None:
    write_list(here, None)
    with pytest.raises(DatasetListError, match="needs sample_steps: its list has none"):
        convert(here, pseudo(here))
    convert(here, pseudo(here, sample_steps=1))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("sample_steps", 0, "sample_steps is 0"),
        ("sample_steps", True, "sample_steps is True"),
        ("sample_steps", "5", "sample_steps is '5'"),
        ("data_of", "../raw", r"data_of is '\.\./raw'"),
        ("data_of", 7, "data_of is 7"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(here: Path, key: str, value: object, said: str) -> None:
    path = here / "pseudo" / f"{PSEUDO}.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {key: value}))
    with pytest.raises(DatasetListError, match=f"{PSEUDO}.yaml: {said}"):
        read_dataset_list(here / "pseudo", PSEUDO)


def test_a_list_that_is_written_is_the_one_that_is_read(here: Path) -> None:
    read = read_dataset_list(here / "pseudo", PSEUDO)
    write_dataset_list(here, dataclasses.replace(read, name="again"), "again")
    assert dataclasses.replace(read_dataset_list(here, "again"), name=PSEUDO) == read
