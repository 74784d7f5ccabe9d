"""`t4zoo t4 check` as people and scripts run it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from t4zoo.t4.check.rules import RULES
from tests.t4.check.spoilers import first, good_scene, text
from tests.t4.scenes import GIVEN

COMMAND = [sys.executable, "-c", "from t4zoo.cli.main import main; main()", "t4", "check"]


@pytest.fixture
def t4check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("T4ZOO_CACHE", str(tmp_path / "cache"))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)

    return run


def test_good_scenes_end_with_nothing_to_say(t4check):
    done = t4check(GIVEN / "synth_1", GIVEN / "synth_2")
    assert (done.returncode, done.stdout) == (0, "")
    assert "2 scenes, 0 with errors; 0 had not changed" in done.stderr
    assert "2 had not changed" in t4check(GIVEN / "synth_1", GIVEN / "synth_2").stderr


def test_findings_name_rule_scene_record_and_cure(t4check):
    done = t4check(GIVEN)
    assert done.returncode == 1
    for part in (
        "t4devkit_sample",
        "error GEO003 sample_annotation 4517ec89ec131157097133ce6532861b",
        "[4.5, 2.0, 1.8]",
    ):
        assert part in done.stdout
    assert f"cure: {RULES['CNT004'].cure}" in done.stdout
    assert "4 scenes, 1 with errors" in done.stderr


def test_json_has_every_finding(t4check):
    done = t4check(GIVEN, "--json", "--no-cache")
    told = json.loads(done.stdout)
    assert (done.returncode, told["scenes"], told["errors"], told["warnings"]) == (1, 4, 4, 4)
    (bad,) = (report for report in told["reports"] if report["findings"])
    assert bad["scene"] == "t4devkit_sample"
    assert {finding["rule"] for finding in bad["findings"]} == {"CNT001", "CNT004", "GEO003"}


def test_warnings_are_no_reason_to_fail_unless_they_are_to_be(t4check, tmp_path: Path):
    scene = good_scene(tmp_path)
    text("weather", "[]")(scene)
    assert t4check(scene).returncode == 0
    assert t4check(scene, "--strict").returncode == 1
    assert t4check(scene, "--strict", "--ignore", "STR006").returncode == 0


def test_rules_are_listed(t4check):
    told = json.loads(t4check("--rules", "--json").stdout)
    assert [rule["id"] for rule in told] == list(RULES)
    assert "GEO003" in (shown := t4check("--rules", "--only", "GEO").stdout) and "CLD001" not in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "nowhere: does not exist"),
        (["."], "no scene is here or below"),
        ([GIVEN, "--only", "GEO999"], "GEO999: no such rule"),
    ],
)
def test_what_cannot_be_understood_ends_with_two(t4check, tmp_path: Path, monkeypatch, arguments, told: str):
    monkeypatch.chdir(tmp_path)
    done = t4check(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_words_of_strangers_do_no_harm_on_a_screen(t4check, tmp_path: Path):
    scene = good_scene(tmp_path)
    shutil.move(scene, tmp_path / "a\x1b[31m b")
    first("instance", category_token="\x1b[2J\ud800")(tmp_path / "a\x1b[31m b")
    for option in ((), ("--json",)):
        done = t4check(tmp_path / "a\x1b[31m b", *option)
        assert done.returncode == 1
        assert "\x1b" not in done.stdout
        assert "REF002" in done.stdout


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_check_that_was_stopped_goes_on_where_it_was(t4check, tmp_path: Path, how: signal.Signals):
    scene = good_scene(tmp_path)
    for number in range(80):
        shutil.copytree(scene, tmp_path / "data" / f"{number:03d}" / "0", copy_function=os.link)
    kept = tmp_path / "kept"
    command = [*COMMAND, str(tmp_path / "data"), "--cache", str(kept), "--workers", "2"]
    begun = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while len(list(kept.rglob("*.json"))) < 4 and begun.poll() is None:
        time.sleep(0.01)
    begun.send_signal(how)
    _, told = begun.communicate()  # which waits for the workers too: they hold the other ends of its pipes
    assert begun.returncode != 0
    assert "Traceback" not in told
    done = t4check(tmp_path / "data", "--cache", kept, "--workers", "2")
    assert done.returncode == 0
    (known,) = re.findall(r"80 scenes, 0 with errors; (\d+) had not changed", done.stderr)
    assert 4 <= int(known) < 80
