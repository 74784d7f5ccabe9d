"""Scenes with errors are refused, and a waiver of params.yaml lets one through and is told."""

import shutil
from pathlib import Path

import pytest
import yaml

from t4zoo.errors import UsageError
from t4zoo.t4.check.cache import Cache
from t4zoo.t4.check.gate import Gate, RefusedScenesError
from t4zoo.t4.check.rules import Selection, selection
from t4zoo.t4.check.waivers import Waiver, read_waivers
from tests.t4.check.spoilers import CLOUD, good_scene, sparse, text
from tests.t4.scenes import GIVEN, ROOT

SAMPLE = GIVEN / "t4devkit_sample"
REASON = "the devkit's own sample, for tests"


def given(tmp_path: Path, waivers) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"products": {}, "waivers": waivers}))
    return path


def test_a_good_scene_passes_and_nothing_is_told_of_it():
    assert Gate(Selection()).hold([(GIVEN / "synth_1/0", GIVEN / "synth_1/0")]) == {}


def test_a_warning_is_no_reason_to_refuse(tmp_path: Path):
    scene = good_scene(tmp_path)
    text("weather", "[]")(scene)
    assert Gate(Selection()).hold([(scene, scene)]) == {}


@pytest.mark.parametrize("workers", [1, 2])
def test_scenes_with_errors_are_named_with_their_rules(tmp_path: Path, workers: int):
    scene = good_scene(tmp_path)
    sparse(CLOUD, 50_002)(scene)
    places = [(folder, folder) for folder in (SAMPLE, scene, GIVEN / "synth_2/0")]
    with pytest.raises(RefusedScenesError, match="2 scenes have errors") as refusal:
        Gate(Selection(), workers=workers).hold(places)
    for part in (
        "synth_1/0: CLD005 (1 times)",
        f"`t4zoo t4 check {scene}`",
        "t4devkit_sample: CNT004 (1 times), GEO003 (3 times)",
        "waivers",
        "50,002",
    ):
        assert part in str(refusal.value)
    assert "synth_2" not in str(refusal.value)


def test_a_waiver_lets_its_scene_through_and_is_told():
    waivers = (Waiver("t4devkit_sample", ("GEO003", "CNT004", "CLD001"), REASON),)
    assert Gate(Selection(), waivers).hold([(SAMPLE, SAMPLE)]) == {
        "waivers": [
            {"scene": "t4devkit_sample", "rule": "CNT004", "times": 1, "reason": REASON},
            {"scene": "t4devkit_sample", "rule": "GEO003", "times": 3, "reason": REASON},
        ]
    }


@pytest.mark.parametrize(
    "waiver", [Waiver("t4devkit_sample", ("GEO003",), REASON), Waiver("synth_1/0", ("GEO003", "CNT004"), REASON)]
)
def test_a_waiver_of_another_rule_or_scene_is_none(waiver: Waiver):
    with pytest.raises(RefusedScenesError, match="CNT004"):
        Gate(Selection(), (waiver,)).hold([(SAMPLE, SAMPLE)])


def test_rules_that_are_not_wanted_are_not_held_against_a_scene():
    assert Gate(selection(ignore=["CNT", "GEO003"])).hold([(SAMPLE, SAMPLE)]) == {}


@pytest.mark.parametrize("workers", [1, 2])
def test_labels_are_judged_by_the_clouds_of_the_scene_that_was_labelled(tmp_path: Path, workers: int):
    scene = good_scene(tmp_path)
    places = []
    for name in ("one", "other"):
        shutil.copytree(scene / "annotation", tmp_path / "labels" / name / "annotation")
        places.append((tmp_path / "labels" / name, scene))
    gate = Gate(Selection(), cache=Cache(tmp_path / "kept"), workers=workers)
    assert gate.hold(places) == {}
    sparse(CLOUD, 50_002)(scene)
    with pytest.raises(RefusedScenesError, match="CLD005"):
        gate.hold(places)


def test_waivers_are_read_from_params(tmp_path: Path):
    entry = {"scene": "abc/0", "rules": ["CNT004", "GEO003"], "reason": f" {REASON.replace(' ', chr(10), 1)} "}
    assert read_waivers(given(tmp_path, [entry])) == (Waiver("abc/0", ("CNT004", "GEO003"), REASON),)
    assert read_waivers(given(tmp_path, [])) == read_waivers(given(tmp_path, None)) == ()


def test_the_shipped_params_can_be_read():
    assert read_waivers(ROOT / "params.yaml") == ()


GOOD = {"scene": "abc/0", "rules": ["CNT004"], "reason": REASON}


@pytest.mark.parametrize(
    ("waivers", "told"),
    [
        ({"abc/0": ["CNT004"]}, "is no list"),
        (["CNT004"], "each entry is"),
        ([GOOD | {"scene": ""}], "each entry is"),
        ([GOOD | {"rules": "CNT004"}], "each entry is"),
        ([GOOD | {"rules": []}], "each entry is"),
        ([GOOD | {"rules": ["CNT999"]}], "CNT999"),
        ([GOOD | {"rules": ["CNT"]}], "`t4zoo t4 check --rules`"),
        ([GOOD | {"reason": "\x1b[31mred"}], "cannot be seen"),
        ([GOOD | {"reason": "\u202eright to left"}], "cannot be seen"),
        ([GOOD | {"scene": "abc/0\n"}], "cannot be seen"),
        ([GOOD | {"reason": " "}], "no reason for the scene 'abc/0'"),
        ([GOOD | {"until": "tomorrow"}], "each entry is"),
        ([{key: GOOD[key] for key in ("scene", "rules")}], "each entry is"),
        ([GOOD, GOOD], "twice"),
    ],
)
def test_waivers_that_say_something_else_than_they_seem_to_are_refused(tmp_path: Path, waivers, told: str):
    with pytest.raises(UsageError, match=told):
        read_waivers(given(tmp_path, waivers))


def test_a_file_that_is_none_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"nothing\.yaml: does not exist"):
        read_waivers(tmp_path / "nothing.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(UsageError, match=r"broken\.yaml: not a YAML file"):
        read_waivers(tmp_path / "broken.yaml")
