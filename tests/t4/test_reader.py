import json
import shutil
from pathlib import Path

import pytest

from t4zoo.points import count_points
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.key_frames import KeyFrames
from t4zoo.t4.reader import ReadError, T4Scene, find_scene, read_scene
from t4zoo.t4.tables import RECORDS
from tests.t4.scenes import GIVEN, edit, table


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A copy of a real scene, to be spoilt; it is called by its T4 id and revision."""
    shutil.copytree(GIVEN / "synth_1", tmp_path / "synth_1")
    return tmp_path / "synth_1" / "0"


def test_a_scene_of_another_writer_is_read_completely():
    read = read_scene(GIVEN / "synth_1")
    assert (read.name, read.lidar_channel, len(read.samples)) == ("synth_1/0", "LIDAR_CONCAT", 4)
    owners = [box.sample_token for box in read.tables.sample_annotation]
    assert [owners.count(sample.token) for sample in read.samples] == [18] * 4
    assert cloud_of(read, 2).name == "00002.pcd.bin"


def cloud_of(scene: T4Scene, number: int) -> Path:
    """The cloud of the sample with this number, in the order of time."""
    frames = KeyFrames(scene)
    row = frames.lidar_of(frames.samples[number][1])
    return scene.path(scene.columns["sample_data"]["filename"][row])


@pytest.mark.parametrize("name", sorted(folder.name for folder in GIVEN.iterdir() if folder.is_dir()))
def test_every_scene_that_this_project_did_not_write_becomes_frames(name: str):
    read = read_scene(GIVEN / name)
    frames = frames_of(read, "given", FrameSettings(None, max_sweeps=2))
    assert len(frames) == len(read.samples) > 0
    for frame in frames:
        assert count_points(GIVEN / frame.lidar_path.removeprefix("given/"), frame.num_pts_feats) > 0


def test_a_real_scan_without_annotation_is_read():
    read = read_scene(GIVEN / "real_vls128_nonannotated", "0")
    assert (len(read.samples), read.tables.sample_annotation) == (1, ())
    assert cloud_of(read, 0).stat().st_size == 2086800


def test_the_devkits_sample_without_revision_with_cameras_and_optional_tables_is_read():
    read = read_scene(GIVEN / "t4devkit_sample")
    assert (read.name, read.lidar_channel) == ("t4devkit_sample", "LIDAR_TOP")
    assert list(KeyFrames(read).cameras_of(0)) == ["CAM_BACK", "CAM_FRONT"]
    assert read.tables.sample_annotation[0].velocity is None


def test_our_own_sample_scenes_are_read(workspace: Path):
    for folder in (workspace / "data").glob("*/*/*/annotation"):
        assert read_scene(folder.parent.parent).samples


def test_without_a_revision_the_highest_number_is_taken(tmp_path: Path, scene: Path):
    for name in ("2", "10", "9x"):
        shutil.copytree(scene, scene.parent / name)
    assert find_scene(scene.parent).name == "10"
    assert find_scene(scene.parent, "2").name == "2"


def test_a_missing_revision_names_those_that_are_there(scene: Path):
    with pytest.raises(ReadError, match=r"synth_1/7: not found: the revisions here are 0"):
        read_scene(scene.parent, "7")


def test_a_scene_without_revisions_says_so():
    with pytest.raises(ReadError, match="no revision folders"):
        read_scene(GIVEN / "t4devkit_sample", "0")


@pytest.mark.parametrize("revision", [None, "0"])
def test_a_missing_scene_is_named(tmp_path: Path, revision: str | None):
    with pytest.raises(ReadError, match=r"scene nowhere.*does not exist.*fetch"):
        read_scene(tmp_path / "nowhere", revision)


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_missing_table_is_named(scene: Path, name: str):
    (scene / "annotation" / f"{name}.json").unlink()
    with pytest.raises(ReadError, match=f"scene synth_1/0: table {name} is missing"):
        read_scene(scene)


@pytest.mark.parametrize("content", ["", "{", "{}", '"rows"', "[1]", "\ud800"])
def test_a_table_that_is_no_list_of_rows_is_named(scene: Path, content: str):
    (scene / "annotation" / "ego_pose.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(ReadError, match=r"scene synth_1/0: table ego_pose"):
        read_scene(scene)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("sample_annotation", "instance_token"),
        ("sample_annotation", "sample_token"),
        ("sample_annotation", "visibility_token"),
        ("sample_annotation", "next"),
        ("instance", "category_token"),
        ("instance", "last_annotation_token"),
        ("sample_data", "ego_pose_token"),
        ("sample_data", "calibrated_sensor_token"),
        ("calibrated_sensor", "sensor_token"),
        ("sample", "scene_token"),
        ("scene", "log_token"),
    ],
)
def test_a_dangling_token_is_named_with_its_table_and_row(scene: Path, name: str, field: str):
    row = table(scene, name)[0]
    edit(scene, name, lambda rows: rows[0].update({field: "f" * 32}))
    message = f"scene synth_1/0: table {name}, token {row['token']}: {field} names {'f' * 32}"
    with pytest.raises(ReadError, match=message):
        read_scene(scene)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("sample_annotation", "rotation", [0, 0, 0, 0]),
        ("sample_annotation", "rotation", [1, 0, 0]),
        ("sample_annotation", "translation", [0, 0, float("nan")]),
        ("sample_annotation", "translation", "here"),
        ("sample_annotation", "num_lidar_pts", "many"),
        ("sample_annotation", "num_lidar_pts", 1.5),
        ("sample_annotation", "attribute_tokens", "abc"),
        ("sample", "timestamp", None),
        ("sample_data", "is_key_frame", "yes"),
        ("sensor", "channel", 3),
    ],
)
def test_a_value_that_t4_does_not_allow_is_named(scene: Path, name: str, field: str, value):
    token = table(scene, name)[0]["token"]
    edit(scene, name, lambda rows: rows[0].update({field: value}))
    with pytest.raises(ReadError, match=f"table {name}, token {token}: field '{field}'"):
        read_scene(scene)


def test_a_missing_field_is_named(scene: Path):
    token = table(scene, "ego_pose")[0]["token"]
    edit(scene, "ego_pose", lambda rows: rows[0].pop("rotation"))
    with pytest.raises(ReadError, match=f"table ego_pose, token {token}: has no field 'rotation'"):
        read_scene(scene)


def test_two_rows_with_one_token_are_refused(scene: Path):
    edit(scene, "sample", lambda rows: rows.append(rows[0]))
    with pytest.raises(ReadError, match="table sample has two rows with one token"):
        read_scene(scene)


@pytest.mark.parametrize("change", [lambda rows: rows.clear(), lambda rows: rows.append(rows[0] | {"token": "f" * 32})])
def test_a_folder_holds_exactly_one_scene(scene: Path, change):
    edit(scene, "scene", change)
    with pytest.raises(ReadError, match="table"):
        read_scene(scene)


def test_a_velocity_that_is_null_absent_or_not_a_number_is_unknown(scene: Path):
    values = [None, [None, None, None], [float("nan")] * 3, [1, 2, 3]]

    def change(rows):
        for row, value in zip(rows, values, strict=False):
            row["velocity"] = value
        del rows[4]["velocity"]

    edit(scene, "sample_annotation", change)
    rows = read_scene(scene).tables.sample_annotation
    assert [row.velocity for row in rows[:5]] == [None, None, None, (1.0, 2.0, 3.0), None]


def test_autolabel_metadata_is_read_in_both_forms(scene: Path):
    def change(rows):
        rows[0]["autolabel_metadata"] = [{"name": "CenterPoint/t4base@v1.0.0", "score": 0.5}]
        rows[1]["autolabel_metadata"] = {"models": [{"name": "older", "score": 1}]}

    edit(scene, "sample_annotation", change)
    one, other = (row.autolabel_metadata[0] for row in read_scene(scene).tables.sample_annotation[:2])
    assert (one.name, one.score, other.name, other.score) == ("CenterPoint/t4base@v1.0.0", 0.5, "older", 1.0)


def test_unknown_fields_and_tables_do_no_harm(scene: Path):
    edit(scene, "sample", lambda rows: rows[0].update(weather="rain"))
    (scene / "annotation" / "keypoint.json").write_text("not even JSON")
    assert len(read_scene(scene).samples) == 4


def test_a_sample_without_a_cloud_is_named(scene: Path):
    edit(scene, "sample_data", lambda rows: rows[1].update(is_key_frame=False))
    read = read_scene(scene)
    with pytest.raises(ReadError, match=f"no key frame of LIDAR_CONCAT for the sample {read.samples[1].token}"):
        cloud_of(read, 1)


def test_a_scene_without_a_known_lidar_is_named(scene: Path):
    edit(scene, "sensor", lambda rows: rows[0].update(channel="LIDAR_FRONT"))
    with pytest.raises(ReadError, match="LIDAR_FRONT"):
        _ = read_scene(scene).lidar_channel


@pytest.mark.parametrize("name", ["/etc/passwd", "../../other/cloud.bin", "data/../../x", "", "data\\x", "a\0b"])
def test_a_file_name_that_leads_out_of_the_scene_is_refused(name: str):
    with pytest.raises(ReadError, match="leads out of the scene"):
        read_scene(GIVEN / "synth_1").path(name)


def with_info_file(scene: Path, content: str) -> T4Scene:
    (scene / "data" / "LIDAR_CONCAT_INFO").mkdir()
    (scene / "data" / "LIDAR_CONCAT_INFO" / "00000.json").write_text(content)
    edit(scene, "sample_data", lambda rows: rows[0].update(info_filename="data/LIDAR_CONCAT_INFO/00000.json"))
    return read_scene(scene)


def test_the_number_of_features_comes_from_the_clouds_info_file(scene: Path):
    read = with_info_file(scene, json.dumps({"num_pts_feats": 6, "stamp": {}}))
    assert [read.features_of(name) for name in read.columns["sample_data"]["info_filename"]] == [6, 5, 5, 5]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"num_pts_feats": "5"}', '{"num_pts_feats": 2}'])
def test_an_info_file_without_a_number_of_features_is_named(scene: Path, content: str):
    read = with_info_file(scene, content)
    with pytest.raises(ReadError, match=r"scene synth_1/0: .*00000\.json.*num_pts_feats"):
        read.features_of(read.columns["sample_data"]["info_filename"][0])
