import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml

from t4zoo.errors import T4zooError
from t4zoo.info import load
from t4zoo.t4.convert import Sources, create_info
from t4zoo.t4.dataset_list import DatasetListError
from tests.t4.scenes import GIVEN, ROOT, edit, write_list

LABELS = yaml.safe_load((ROOT / "conf" / "labels" / "t4.yaml").read_text())
PRODUCT = yaml.safe_load((ROOT / "conf" / "product" / "base.yaml").read_text())
INFOS = ["info_test.pkl", "info_train.pkl", "info_val.pkl"]
FILES = [*INFOS, "objects.csv", "pieces.json", "scenes.csv", "statistics.json"]


def convert(root: Path, out: Path, *datasets: str, **changes) -> dict:
    product = PRODUCT | {"datasets": [{"name": name, "sample_steps": 1} for name in datasets]} | changes
    return create_info(product, LABELS, Sources(root / "data", root / "lists"), out, 50.0)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A workspace of scenes that are not our own: one to train on, one to test on."""
    for name in ("synth_1", "t4devkit_sample"):
        shutil.copytree(GIVEN / name, tmp_path / "data" / "db_given_v1" / name)
    (tmp_path / "lists").mkdir()
    write_list(tmp_path / "lists", "db_given_v1", train=["synth_1/0/odaiba/j6gen2"], test=["t4devkit_sample"])
    return tmp_path


def test_two_datasets_become_one_product(workspace: Path, tmp_path: Path):
    statistics = convert(workspace, tmp_path / "info", "db_sample_v1", "db_sample_x2_v1")
    assert sorted(path.name for path in (tmp_path / "info").iterdir()) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["info"]
    train = load(tmp_path / "info" / "info_train.pkl")
    assert (train.classes, train.version) == (tuple(PRODUCT["class_names"]), "base")
    assert {frame.lidar_path.split("/")[0] for frame in train.frames} == {"db_sample_v1", "db_sample_x2_v1"}
    assert len(statistics["train"]["scenes"]) == 4
    assert statistics["train"]["frames"] == len(train.frames) == 12
    assert statistics == json.loads((tmp_path / "info" / "statistics.json").read_text())


def test_statistics_count_what_the_frames_hold(workspace: Path, tmp_path: Path):
    statistics = convert(workspace, tmp_path / "info", "db_sample_v1")
    for split in ("train", "val", "test"):
        info = load(tmp_path / "info" / f"info_{split}.pkl")
        for label, name in enumerate(info.classes):
            rows = [frame.instances for frame in info.frames]
            assert statistics[split]["objects"][name] == sum(int((r.labels == label).sum()) for r in rows)
            with_points = sum(int(((r.labels == label) & (r.num_lidar_pts > 0)).sum()) for r in rows)
            assert statistics[split]["objects_with_points"][name] == with_points
        size = sum((workspace / "data" / frame.lidar_path).stat().st_size for frame in info.frames)
        assert statistics[split]["points"] == size // 20


def test_scenes_of_other_writers_are_converted_with_city_and_vehicle(given: Path):
    statistics = convert(given, given / "info", "db_given_v1")
    train, test = (load(given / "info" / f"info_{split}.pkl") for split in ("train", "test"))
    assert [(frame.city, frame.vehicle_type) for frame in train.frames] == [("odaiba", "j6gen2")] * 4
    assert test.frames[0].lidar_path == "db_given_v1/t4devkit_sample/data/LIDAR_TOP/001.pcd.bin"
    assert set(test.frames[0].images) == {"CAM_BACK", "CAM_FRONT"}
    assert statistics["val"]["frames"] == 0
    assert statistics["test"]["objects"]["car"] == 2


def test_every_second_sample_of_one_dataset_only(workspace: Path, tmp_path: Path):
    datasets = [{"name": "db_sample_v1", "sample_steps": 2}, {"name": "db_sample_x2_v1", "sample_steps": 1}]
    convert(workspace, tmp_path / "info", datasets=datasets)
    frames = load(tmp_path / "info" / "info_train.pkl").frames
    taken = {
        name: [f.sample_idx for f in frames if f.lidar_path.startswith(name)]
        for name in ("db_sample_v1", "db_sample_x2")
    }
    assert taken == {"db_sample_v1": [0, 2] * 2, "db_sample_x2": [0, 1, 2] * 2}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"datasets": [{"name": "db_sample_v1"}]}, "needs sample_steps: its list has none"),
        ({"datasets": ["db_sample_v1"]}, "each has a name and sample_steps"),
        ({"datasets": [{"name": "db_sample_v1", "sample_steps": 1, "split": "test"}]}, "each has a name and"),
        ({"datasets": [{"name": "db_sample_v1", "sample_steps": 1, "splits": "test"}]}, "splits of db_sample_v1 is"),
        ({"datasets": [{"name": "db_sample_v1", "sample_steps": 1, "splits": []}]}, "splits of db_sample_v1 is"),
        ({"datasets": [{"name": "db_sample_v1", "sample_steps": 0}]}, "sample_steps of db_sample_v1 is 0"),
        ({"datasets": [{"name": "db_sample_v1", "sample_steps": -1}]}, "sample_steps of db_sample_v1 is -1"),
        ({"datasets": [{"name": "db_sample_v1", "sample_steps": n} for n in (5, 1)]}, "db_sample_v1 twice"),
        ({"max_sweeps": -1}, "max_sweeps is -1"),
        ({"train_on": []}, "train_on is \\[\\]; give \\[train\\]"),
        ({"train_on": "train"}, "train_on is 'train'"),
        ({"train_on": ["train", "tset"]}, "train_on is"),
        ({"train_on": ["val", "test"]}, "train_on is"),
        ({"class_names": ["car", "bus", "car"]}, "have car twice"),
    ],
)
def test_a_product_that_would_quietly_give_other_frames_is_refused(workspace: Path, tmp_path: Path, changes, said):
    product = {"datasets": [{"name": "db_sample_v1", "sample_steps": 1}], **changes}
    with pytest.raises(T4zooError, match=said):
        convert(workspace, tmp_path / "info", **product)
    assert not (tmp_path / "info").exists()


def test_a_release_trains_on_all_splits_and_its_statistics_say_so(workspace: Path, tmp_path: Path):
    alone = convert(workspace, tmp_path / "alone", "db_sample_v1")
    everything = convert(workspace, tmp_path / "all", "db_sample_v1", train_on=["test", "val", "train"])
    assert everything["train"]["scenes"] == sorted(scene for split in alone.values() for scene in split["scenes"])
    tokens = {split: [frame.token for frame in load(tmp_path / f"alone/info_{split}.pkl").frames] for split in alone}
    trained = [frame.token for frame in load(tmp_path / "all/info_train.pkl").frames]
    assert trained == [*tokens["train"], *tokens["val"], *tokens["test"]]
    for name in ("info_val.pkl", "info_test.pkl"):  # on which export still proves the bundle
        assert (tmp_path / "all" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_categories_that_the_map_does_not_know_are_counted_by_name(given: Path):
    scene = given / "data" / "db_given_v1" / "synth_1" / "0"
    edit(scene, "category", lambda rows: [row.update(name="hovercraft") for row in rows if row["name"] == "bus"])
    statistics = convert(given, given / "info", "db_given_v1")
    assert list(statistics["train"]["unknown"]) == ["hovercraft"]
    assert statistics["train"]["objects"]["bus"] == 0


def remove_scene(scene: Path) -> None:
    shutil.rmtree(scene.parent)


def remove_table(scene: Path) -> None:
    (scene / "annotation" / "ego_pose.json").unlink()


def cut_cloud(scene: Path) -> None:
    path = scene / "data" / "LIDAR_CONCAT" / "00003.pcd.bin"
    path.write_bytes(path.read_bytes()[:-7])


def dangle(scene: Path) -> None:
    edit(scene, "sample_annotation", lambda rows: rows[5].update(instance_token="0" * 32))


@pytest.mark.parametrize("spoil", [remove_scene, remove_table, cut_cloud, dangle])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_broken_scene_stops_all_splits_with_its_name_and_leaves_nothing(given: Path, spoil, split: str):
    write_list(given / "lists", "db_given_v1", train=["t4devkit_sample"], **{})
    write_list(given / "lists", "db_broken_v1", **{split: ["synth_1/0"]})
    shutil.copytree(GIVEN / "synth_1", given / "data" / "db_broken_v1" / "synth_1")
    spoil(given / "data" / "db_broken_v1" / "synth_1" / "0")
    with pytest.raises(T4zooError, match="scene synth_1/0"):
        convert(given, given / "info", "db_given_v1", "db_broken_v1")
    assert not (given / "info").exists()


def test_earlier_results_outlive_a_broken_scene(given: Path):
    convert(given, given / "info", "db_given_v1")
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (given / "info").iterdir()}
    remove_table(given / "data" / "db_given_v1" / "synth_1" / "0")
    with pytest.raises(T4zooError, match="synth_1"):
        convert(given, given / "info", "db_given_v1")
    assert before == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (given / "info").iterdir()}


def test_a_scene_in_two_datasets_is_refused_for_it_could_be_learnt_and_tested(given: Path):
    write_list(given / "lists", "db_other_v1", test=["synth_1/0"])
    with pytest.raises(
        DatasetListError, match=r"synth_1 is in db_given_v1 \(train\) and again in db_other_v1 \(test\)"
    ):
        convert(given, given / "info", "db_given_v1", "db_other_v1")
