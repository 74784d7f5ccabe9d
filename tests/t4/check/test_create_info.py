"""create_info makes nothing of a scene with errors, unless params.yaml waives them; then the info files say so."""

import shutil
from pathlib import Path

import pytest
import yaml

from t4zoo.info import load
from tests.stages.test_create_info import run
from tests.t4.check.spoilers import scaled
from tests.t4.scenes import edit


@pytest.fixture
def spoilt(workspace: Path, tmp_path: Path) -> tuple[Path, str]:
    """The small sample sets, with a kilometre's error in a scene to train on; and that scene."""
    shutil.copytree(workspace, tmp_path / "workspace")
    lists = yaml.safe_load((tmp_path / "workspace/lists/db_sample_v1.yaml").read_text())
    scene = lists["train"][0]
    folder = tmp_path / "workspace/data/db_sample_v1" / scene
    edit(folder, "sample_annotation", lambda rows: scaled("translation", 1000.0)(rows[0]))
    return tmp_path / "workspace", scene


def params(tmp_path: Path, *waivers: dict) -> str:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"waivers": list(waivers)}))
    return f"waivers={tmp_path / 'params.yaml'}"


def test_a_scene_with_errors_is_refused_by_name(spoilt: tuple[Path, str], tmp_path: Path):
    root, scene = spoilt
    done = run(root, tmp_path / "info", "product=base", params(tmp_path))
    assert done.returncode == 1
    for part in (scene, "GEO007 (1 times)", "sample_annotation", "t4zoo t4 check"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "info").glob("*"))


def test_a_waived_rule_lets_it_through_and_is_recorded(spoilt: tuple[Path, str], tmp_path: Path):
    root, scene = spoilt
    waiver = {"scene": scene, "rules": ["GEO007", "GEO012"], "reason": "a test of what is far"}
    done = run(root, tmp_path / "info", "product=base", params(tmp_path, waiver))
    assert done.returncode == 0, done.stderr
    told = load(tmp_path / "info" / "info_train.pkl").extra["waivers"]
    assert {"scene": scene, "rule": "GEO007", "times": 1, "reason": "a test of what is far"} in told
    assert {one["scene"] for one in told} == {scene}


def test_good_scenes_leave_no_word_of_waivers(workspace: Path, tmp_path: Path):
    done = run(workspace, tmp_path / "info", "product=base")
    assert done.returncode == 0, done.stderr
    assert "waivers" not in load(tmp_path / "info" / "info_train.pkl").extra


def test_nothing_is_held_against_scenes_where_nothing_is_to_be(spoilt: tuple[Path, str], tmp_path: Path):
    assert run(spoilt[0], tmp_path / "info", "product=base", "check=[]").returncode == 0
    assert run(spoilt[0], tmp_path / "info", "product=base", "check=[CLD,CNT004]").returncode == 0


def test_a_waiver_that_cannot_be_understood_ends_with_two(workspace: Path, tmp_path: Path):
    done = run(workspace, tmp_path / "info", "product=base", params(tmp_path, {"scene": "abc/0"}))
    assert done.returncode == 2
    assert "each entry is" in done.stderr
