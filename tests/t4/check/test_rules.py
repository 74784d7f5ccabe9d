"""Every rule speaks when a good scene is spoilt, and only the rules that are meant to."""

import shutil
from pathlib import Path

import pytest

from t4zoo.errors import UsageError
from t4zoo.t4.check.report import MOST
from t4zoo.t4.check.rules import FAMILIES, RULES, rule_set, selection
from t4zoo.t4.check.scene import check_scene
from tests.t4.check.spoilers import CASES, CLOUD, boxes, every, first, good_scene, sparse, text, times, unseen_shift
from tests.t4.scenes import GIVEN, ROOT, edit, table


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return good_scene(tmp_path)


@pytest.mark.parametrize(("spoil", "rules"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_spoilt_scene_breaks_exactly_these_rules(scene: Path, spoil, rules: set[str]):
    assert check_scene(scene).counts == {}
    spoil(scene)
    report = check_scene(scene)
    assert set(report.counts) == rules, [finding.line() for finding in report.findings]


def test_every_rule_is_broken_by_a_test():
    reported = {rule for _, _, rules in CASES for rule in rules}
    assert reported == set(RULES) - {"STR011", "STR013"}  # test_many.py, and far_scenes


def test_ids_are_stable_words_of_family_and_number():
    assert len(RULES) == sum(len(rules) for rules in FAMILIES.values())
    for family, rules in FAMILIES.items():
        assert [rule.id for rule in rules] == [f"{family}{number:03d}" for number in range(1, len(rules) + 1)]
    for rule in RULES.values():
        assert rule.severity in ("error", "warning")
        assert rule.what and rule.cure and "\n" not in rule.what + rule.cure


def test_the_page_of_rules_has_every_rule_with_its_severity():
    page = (ROOT / "docs" / "t4-check.md").read_text()
    for rule in RULES.values():
        assert f"| {rule.id} | {rule.severity} | {rule.what} |" in page


def test_a_finding_names_table_token_and_value(scene: Path):
    token = table(scene, "sample_annotation")[0]["token"]
    edit(scene, "sample_annotation", lambda rows: rows[0].update(size=[2.0, 4.0, -1.0]))
    report = check_scene(scene)
    (finding,) = report.findings
    assert (report.scene, finding.rule, finding.severity) == ("synth_1/0", "GEO002", "error")
    assert (finding.table, finding.token) == ("sample_annotation", token)
    assert "-1.0" in finding.value
    assert set(finding.to_dict()) == {"rule", "severity", "table", "token", "value", "what", "cure"}


def test_all_breaches_are_counted_and_the_first_told(scene: Path):
    every("sample_annotation", size=[2.0, 4.0, 0.0])(scene)
    report = check_scene(scene)
    assert report.counts["GEO002"] == 72
    assert sum(finding.rule == "GEO002" for finding in report.findings) == MOST


def test_only_the_rules_that_are_wanted_speak(scene: Path):
    text("weather", "[]")(scene)
    boxes("car", unseen_shift(1000.0))(scene)
    sparse(CLOUD, 50_002)(scene)
    assert set(check_scene(scene).counts) == {"STR006", "GEO007", "CLD005"}
    assert set(check_scene(scene, selection(only=["geo"])).counts) == {"GEO007"}
    assert set(check_scene(scene, selection(only=["STR,GEO"], ignore=["GEO007"])).counts) == {"STR006"}
    assert set(check_scene(scene, selection(ignore=["STR006", "CLD"])).counts) == {"GEO007"}


@pytest.mark.parametrize("name", ["GEO999", "XYZ", "GE", "geometry"])
def test_an_unknown_rule_is_refused(name: str):
    with pytest.raises(UsageError, match=f"--ignore {name.upper()}: no such rule"):
        selection(ignore=[name])


def test_the_rule_set_is_known_by_its_code():
    assert len(rule_set()) == 16
    assert rule_set() == rule_set()


def test_counts_that_fit_another_frame_are_told_so(scene: Path):
    first("sensor", channel="LIDAR_TOP")(scene)
    first("calibrated_sensor", translation=[1.0, 0.0, 2.0])(scene)
    report = check_scene(scene)
    (system,) = (finding for finding in report.findings if finding.rule == "CNT004")
    assert "they fit if the points are in the ego's frame" in system.value


def test_an_ego_with_the_real_part_last_is_seen_by_its_counts(scene: Path):
    every("ego_pose", rotation=[0.0, 0.0, 0.0, 1.0])(scene)
    assert "CNT004" in check_scene(scene).counts


def test_the_devkits_sample_has_sizes_in_another_order_and_invented_counts():
    report = check_scene(GIVEN / "t4devkit_sample")
    assert report.counts == {"CNT001": 4, "CNT004": 1, "GEO003": 3}


@pytest.mark.parametrize("name", ["synth_1/0", "synth_2/0", "real_vls128_nonannotated/0"])
def test_good_scenes_of_other_writers_have_no_findings(name: str):
    assert check_scene(GIVEN / name).counts == {}


def test_our_own_sample_scenes_have_no_findings(workspace: Path):
    scenes = sorted(folder.parent for folder in (workspace / "data").glob("*/*/*/annotation"))
    assert len(scenes) > 10
    for folder in scenes:
        assert check_scene(folder).counts == {}, folder


def test_clouds_may_lie_in_another_scenes_folder(scene: Path, tmp_path: Path):
    labels = tmp_path / "labels" / "0"
    shutil.move(scene / "annotation", labels / "annotation")
    assert "CLD001" in check_scene(labels).counts
    assert check_scene(labels, files=scene).counts == {}


def test_seconds_are_told_from_a_clock_that_is_no_date(scene: Path):
    times(lambda stamp: stamp // 1_000_000)(scene)
    assert {"TIM001", "TIM003"} <= set(check_scene(scene).counts)
