"""Many scenes: in processes, from a cache, and past a scene whose process dies."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from t4zoo.t4.check.cache import Cache, key_of
from t4zoo.t4.check.many import check_known, check_scenes
from t4zoo.t4.check.rules import Selection, selection
from t4zoo.t4.check.scene import EVERY, check_scene
from tests.t4.check.spoilers import CLOUD, cloud, first, good_scene, nth, sparse, text


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return good_scene(tmp_path / "data")


@pytest.fixture
def scenes(tmp_path: Path, scene: Path) -> list[Path]:
    """Five scenes, the second and the fourth of them spoilt."""
    folders = [tmp_path / "data" / f"scene {number}" / "0" for number in range(5)]
    for folder in folders:
        shutil.copytree(scene, folder)
    text("weather", "[]")(folders[1])
    sparse(CLOUD, 50_002)(folders[3])
    return folders


def found(reports) -> list[set[str]]:
    return [set(report.counts) for report in reports]


EXPECTED = [set(), {"STR006"}, set(), {"CLD005"}, set()]


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_reports_come_in_the_order_of_the_scenes(scenes: list[Path], workers: int):
    counted: list[int] = []
    reports = check_scenes(scenes, workers=workers, advance=counted.append)
    assert found(reports) == EXPECTED
    assert [report.path for report in reports] == [str(scene) for scene in scenes]
    assert sum(counted) == len(scenes)


def test_what_was_found_before_is_not_looked_for_again(scenes: list[Path], tmp_path: Path):
    cache = Cache(tmp_path / "kept")
    before = check_scenes(scenes[:3], cache=cache)
    after = check_scenes(scenes, cache=cache)
    assert [report.cached for report in after] == [True, True, True, False, False]
    assert [replace(report, cached=False) for report in after[:3]] == before
    assert found(after) == EXPECTED


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a value", first("sample_annotation", num_lidar_pts=3)),
        ("a cloud's size", cloud(1, lambda points: points[:-1])),
        ("a cloud's bytes", lambda s: os.utime(s / CLOUD, ns=(1, 1))),
        ("a cloud that is gone", lambda s: (s / CLOUD).unlink()),
        ("a new table", text("keypoint", "[]")),
        ("a table that is a link now", lambda s: relink(s / "annotation" / "log.json")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_scene_is_judged_again(scene: Path, tmp_path: Path, name: str, change):
    cache = Cache(tmp_path / "kept")
    check_known(scene, cache=cache)
    assert check_known(scene, cache=cache).cached
    change(scene)
    assert not check_known(scene, cache=cache).cached


def relink(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def test_other_rules_are_another_question(scene: Path):
    assert key_of(scene, EVERY) != key_of(scene, selection(only=["CLD"]))


def test_a_broken_result_in_the_cache_is_made_again(scene: Path, tmp_path: Path):
    cache = Cache(tmp_path / "kept")
    check_known(scene, cache=cache)
    for content in ("", "{}", "[]", '{"scene": 1, "counts": [], "findings": [{}]}'):
        (file,) = (tmp_path / "kept").rglob("*.json")
        file.write_text(content)
        report = check_known(scene, cache=cache)
        assert (report.cached, report.counts) == (False, {})


@dataclass(frozen=True)
class Deadly(Selection):
    """A selection that kills the process which asks it for the one rule that `STR006` of a scene is."""

    def wants(self, rule: str) -> bool:
        if rule == "STR006":
            os._exit(9)
        return True

    def wants_any(self, family: str) -> bool:
        return True


def test_a_process_that_dies_costs_its_scene_only(scenes: list[Path]):
    reports = check_scenes(scenes, Deadly(), workers=2)
    assert found(reports) == [set(), {"STR011"}, set(), {"CLD005"}, set()]


@dataclass(frozen=True)
class Failing(Selection):
    """A selection that fails when it is asked for one rule."""

    def wants(self, rule: str) -> bool:
        if rule == "STR006":
            raise RuntimeError("no answer")
        return True

    def wants_any(self, family: str) -> bool:
        return True


def test_a_check_that_fails_says_so_and_goes_on(scene: Path):
    text("weather", "[]")(scene)
    nth(1, "sample_data", filename="../x")(scene)
    report = check_scene(scene, Failing())
    assert set(report.counts) == {"STR011", "CLD003"}
    assert "RuntimeError: no answer" in report.findings[-1].value


def test_no_result_is_kept_of_a_check_that_failed(scene: Path, tmp_path: Path):
    cache = Cache(tmp_path / "kept")
    text("weather", "[]")(scene)
    assert set(check_known(scene, Failing(), cache).counts) == {"STR011"}
    assert not list((tmp_path / "kept").rglob("*.json"))
