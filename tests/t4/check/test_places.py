"""Scenes are found wherever they lie below a path, with or without revision folders."""

import shutil
from pathlib import Path

import pytest

from t4zoo.errors import UsageError
from t4zoo.t4.check.places import find_scenes
from t4zoo.t4.check.scene import check_scene
from tests.t4.check.spoilers import good_scene
from tests.t4.scenes import GIVEN

NAMES = ["real_vls128_nonannotated/0", "synth_1/0", "synth_2/0", "t4devkit_sample"]


def names(paths, root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def test_a_data_root_a_dataset_and_a_scene_are_all_paths():
    assert names(find_scenes([GIVEN]), GIVEN) == NAMES
    assert names(find_scenes([GIVEN.parent]), GIVEN) == NAMES
    assert names(find_scenes([GIVEN / "synth_1"]), GIVEN) == ["synth_1/0"]
    assert names(find_scenes([GIVEN / "synth_1" / "0"]), GIVEN) == ["synth_1/0"]


def test_a_scene_that_is_named_twice_is_judged_once(tmp_path: Path):
    scene = good_scene(tmp_path)
    (tmp_path / "again").symlink_to(scene, target_is_directory=True)
    assert len(find_scenes([tmp_path, scene, scene.parent])) == 1


def test_every_revision_is_a_scene(tmp_path: Path):
    scene = good_scene(tmp_path)
    shutil.copytree(scene, scene.parent / "1")
    assert names(find_scenes([tmp_path]), tmp_path) == ["synth_1/0", "synth_1/1"]


def test_a_scene_without_annotation_is_found_and_reported(tmp_path: Path):
    scene = good_scene(tmp_path)
    shutil.rmtree(scene / "annotation")
    assert find_scenes([tmp_path]) == [scene]
    assert check_scene(scene).counts == {"STR001": 1}


def test_names_with_spaces_and_of_any_script(tmp_path: Path):
    place = tmp_path / "データ セット" / "ünï çödé" / "0"
    shutil.copytree(good_scene(tmp_path), place)
    assert place in find_scenes([tmp_path])
    report = check_scene(place)
    assert (report.scene, report.counts) == ("ünï çödé/0", {})


def test_links_in_a_circle_come_to_an_end(tmp_path: Path):
    scene = good_scene(tmp_path)
    (scene.parent / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere").symlink_to("nowhere")
    assert find_scenes([tmp_path]) == [scene]


@pytest.mark.parametrize("name", ["nothing", "file", "empty"])
def test_a_path_without_scenes_is_refused(tmp_path: Path, name: str):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=name):
        find_scenes([tmp_path / name])
