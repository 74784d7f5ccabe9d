"""`t4zoo labels report` and `diff` on what the stages made, and what they say where something is amiss."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from t4zoo.cli.main import main
from tests.autolabel.workspace import DATASET, SET, make_workspace, predict_truth
from tests.labels.conftest import TRUE
from tests.labels.workspace import ENSEMBLE, SCENE, write_labels, write_raw, write_truth
from tests.stages.workspace import run as run_stage

MODEL = "CenterPoint-t4base"


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command, in this process: starting another for each case would take most of the time."""
    command, out, err = ["t4zoo", "labels", *map(str, arguments)], io.StringIO(), io.StringIO()
    before, sys.argv, collecting = sys.argv, command, gc.get_threshold()
    try:
        with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv = before
        gc.set_threshold(*collecting)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def told(*arguments: object, cwd: Path, code: int) -> str:
    done = run(*arguments, cwd=cwd)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""
    return done.stderr


def bytes_below(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the autolabel stage made labels of predictions that are all right, twice."""
    root = make_workspace(tmp_path_factory.mktemp("workspace"))
    predict_truth(root, MODEL, seed=1)
    for name, threshold in ((SET, 0.1), ("20241101_strict", 0.5)):
        scores = [f"ensemble.models.{MODEL}.confidence_thresholds.{c}={threshold}" for c in ("car", "pedestrian")]
        raw = f"raw=auto_label/{SET}/raw"
        done = run_stage(root, "autolabel", f"auto_label={name}", f"scenes={DATASET}", raw, *scores)
        assert done.returncode == 0, done.stderr
    return root


def test_labels_of_the_stage_are_judged_against_annotated_scenes_of_the_same_ids(made: Path, tmp_path: Path) -> None:
    before = bytes_below(made)
    folder, truth = made / "auto_label" / SET, made / "data" / "t4dataset" / "truth_v1"
    outs = [tmp_path / "one", tmp_path / "two"]
    for out in outs:
        done = run("report", folder, "--truth", truth, "--enough", 1, "--out", out, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "AGAINST THE GROUND TRUTH" in done.stdout and "FRAMES THAT MOST NEED A LOOK" in done.stdout
    data = json.loads((outs[0] / "report.json").read_text())
    assert (data["scenes"], data["frames"], data["truth"]["frames"]) == (2, 4, 4)
    cars = [row for row in data["truth"]["judged"] if row["class"] == "car" and row["range_m"] == [0.0, 120.0]]
    assert [row["of"] for row in cars] == [MODEL, "labels"] and cars[0]["recall"] == 1.0
    assert cars[0]["precision"] == round(cars[0]["objects"] / cars[0]["boxes"], 6)  # an object without points is none
    assert bytes_below(outs[0]) == bytes_below(outs[1])
    text = (outs[0] / "report.md").read_text()
    pictures = sorted(path.name for path in (outs[0] / "pictures").iterdir())
    assert pictures and all(f"](pictures/{name})" in text for name in pictures)
    assert "the cloud is not here" not in text and bytes_below(made) == before


def test_a_stricter_threshold_is_told_by_the_difference_of_the_two_sets(made: Path, tmp_path: Path) -> None:
    folders = made / "auto_label" / SET, made / "auto_label" / "20241101_strict"
    done = run("diff", *folders, "--json", "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["pairs"]["by_distance"] == 0 < data["pairs"]["by_id"]
    changed = {row["class"]: row for row in data["classes"] if row["only_a"] or row["only_b"]}
    assert changed and set(changed) <= {"car", "pedestrian"} and all(row["only_b"] == 0 for row in changed.values())
    assert any("0.5" in line for line in data["log"])
    assert (tmp_path / "out" / "diff.md").read_text().startswith("# ")
    assert json.loads((tmp_path / "out" / "diff.json").read_text()) == data
    shown = run("diff", *folders, cwd=tmp_path)
    assert shown.returncode == 0 and "SCENES THAT CHANGED THE MOST" in shown.stdout
    assert "the labels are the same" in run("diff", folders[0], folders[0], cwd=tmp_path).stdout


def test_what_a_report_suggests_lies_beside_it_and_an_older_suggestion_does_not(ten: Path) -> None:
    folder, out = ten / "auto_label" / "20241101_ten", ten / "out"
    options = ("report", folder, "--truth", ten / "truth.pkl", "--out", out)
    done = run(*options, "--enough", 5, cwd=ten)
    copy = out / "suggested" / "ensemble" / "two.yaml"
    assert str(copy) in done.stderr and copy.read_text() == ENSEMBLE.replace("car: 0.35", "car: 0.8")
    assert (ten / "conf" / "ensemble" / "two.yaml").read_text() == ENSEMBLE
    assert run(*options, "--json", cwd=ten).returncode == 0  # seven objects are not enough by default
    assert not copy.exists()


def test_a_pulled_set_and_one_without_labels_are_judged_too(ten: Path) -> None:
    folder = ten / "auto_label" / "20241101_ten"
    for path in (folder / "raw").iterdir():
        path.rename(folder / path.name)
    (folder / "pseudo_infos_filtered.pkl").unlink()
    done = run("report", folder, "--truth", ten / "truth.pkl", cwd=ten)
    assert done.returncode == 0 and "no labels here" in done.stdout and MODEL in done.stdout


def test_an_info_file_stands_for_a_missing_parquet_file(ten: Path) -> None:
    folder = ten / "auto_label" / "20241101_ten"
    before = json.loads(run("report", folder, "--json", cwd=ten).stdout)
    (raw,) = (folder / "raw").iterdir()
    raw.unlink()
    (folder / "pseudo_infos_filtered.pkl").rename(folder / "raw" / f"{raw.stem}.pkl")
    after = json.loads(run("report", folder, "--json", cwd=ten).stdout)
    counts = [next(row["boxes"] for row in data["counts"] if row["of"] == MODEL) for data in (before, after)]
    assert counts == [10, 8]


def test_what_is_missing_or_strange_is_told_in_one_line(ten: Path) -> None:
    folder, truth = ten / "auto_label" / "20241101_ten", ten / "truth.pkl"
    empty = ten / "empty"
    empty.mkdir()
    cases: list[tuple[tuple[object, ...], int, str]] = [
        (("report", ten / "nowhere"), 2, "no such folder; name one like auto_label/"),
        (("report", empty), 2, "holds neither raw/pseudo_infos_raw_*.parquet nor pseudo_infos_filtered.pkl"),
        (("report", folder, "--model", "CenterPoint-x2"), 2, "no raw predictions of CenterPoint-x2; here are Center"),
        (("report", folder, "--truth", ten / "no.pkl"), 1, "no such info file"),
        (("report", folder, "--truth", empty), 1, "none of the 1 labelled scenes (scene-1) is a folder in here"),
        (("report", folder, "--truth", truth, "--precision", 1.5), 2, "--precision 1.5"),
        (("report", folder, "--truth", truth, "--ranges", "40,20"), 2, "--ranges 40,20: give rising distances"),
        (("report", folder, "--ranges", "0,inf"), 2, "--ranges 0,inf: give rising distances"),
        (("report", folder, "--truth", truth, "--distance", "inf"), 2, "--distance inf"),
        (("report", folder, "--enough", 0), 2, "--enough"),
        (("report", folder, "--few-points", -1), 2, "--few-points"),
        (("report", folder, "--bundle", empty), 2, "found by ground truth; give --truth too"),
        (("report", folder, "--ranges", "near"), 2, "--ranges near: give distances"),
        (("report", folder, "--distance", 0), 2, "--distance 0"),
        (("report", folder, "--labels", truth), 2, "give --truth too"),
        (("report", folder, "--truth", truth, "--labels", truth), 2, "an info file's objects have their classes"),
        (("report", folder, "--ensemble", ten / "no.yaml"), 2, "no.yaml: cannot be read as an ensemble file"),
        (("report", folder, "--truth", truth, "--bundle", empty), 2, "--bundle names the folder"),
        (("report", folder, "--data", ten / "no"), 2, "--data"),
        (("report", folder, "--out", folder / "report"), 2, "is only read; name another folder"),
        (("report", folder, "--out", truth), 2, "is a file; name a folder"),
        (("diff", folder, empty), 2, "holds neither"),
        (("diff", folder, folder, "--near", 0), 2, "--near 0"),
        (("diff", folder, folder, "--near", "inf"), 2, "--near inf"),
    ]
    for arguments, code, words in cases:
        error = told(*arguments, cwd=ten, code=code)
        assert words in error, error


def test_truth_of_other_frames_says_what_it_has_and_what_was_labelled(ten: Path) -> None:
    folder = ten / "auto_label" / "20241101_ten"
    write_truth(ten / "other.pkl", {"scene-9/0": [[("car", 0.0, 0.0, 1.0)]]})
    error = told("report", folder, "--truth", ten / "other.pkl", cwd=ten, code=1)
    assert "none of the 1 labelled frames" in error and "(scene-1)" in error and "(scene-9)" in error


def test_a_revision_does_not_part_labels_from_their_truth_but_classes_do(ten: Path) -> None:
    folder = ten / "auto_label" / "20241101_ten"
    write_truth(ten / "later.pkl", {"scene-1/4": [TRUE]})
    assert run("report", folder, "--truth", ten / "later.pkl", cwd=ten).returncode == 0
    # The same revision comes before a later one, in which there is nothing.
    write_truth(ten / "both.pkl", {"scene-1/0": [TRUE], "scene-1/4": [[]]})
    done = run("report", folder, "--truth", ten / "both.pkl", "--json", cwd=ten)
    assert json.loads(done.stdout)["truth"]["judged"][0]["objects"] == 7
    write_truth(ten / "later.pkl", {"scene-1/4": [[("van", 0.0, 0.0, 1.0)]]}, classes=["van"])
    error = told("report", folder, "--truth", ten / "later.pkl", cwd=ten, code=1)
    assert "none of the classes" in error and "van" in error and "car" in error


def test_raw_categories_of_annotated_scenes_need_to_be_told_as_classes(made: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth_v1"
    shutil.copytree(made / "data" / "t4dataset" / "truth_v1", truth)
    for file in truth.rglob("category.json"):
        rows = json.loads(file.read_text())
        file.write_text(json.dumps([row | {"name": f"kind.{row['name']}"} for row in rows]))
    folder = made / "auto_label" / SET
    error = told("report", folder, "--truth", truth, cwd=tmp_path, code=1)
    assert "no object in there" in error and "kind.car" in error and "--labels conf/labels/" in error
    names = {f"kind.{name}": name for name in ("car", "truck", "bus", "bicycle", "pedestrian")}
    plain = {"name_mapping": names, "merge_objects": [], "merge_type": None, "merge_distance": 0.0}
    labels = tmp_path / "kinds.yaml"
    labels.write_text(json.dumps(plain | {"filter_attributes": []}))
    done = run("report", folder, "--truth", truth, "--labels", labels, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sum(row["objects"] for row in json.loads(done.stdout)["truth"]["judged"]) > 0
    labels.write_text("name_mapping: 3")
    error = told("report", folder, "--truth", truth, "--labels", labels, cwd=tmp_path, code=2)
    assert "kinds.yaml: not a file of conf/labels/" in error and "missing or malformed" in error


def test_scenes_that_nobody_annotated_are_no_truth(ten: Path) -> None:
    folder = ten / "auto_label" / "20241101_ten"
    write_truth(ten / "none.pkl", {SCENE: [[]]})
    error = told("report", folder, "--truth", ten / "none.pkl", cwd=ten, code=1)
    assert "none.pkl: has 1 frames and not one object, so nobody has annotated it" in error


def test_a_narrow_screen_does_not_cut_words_and_numbers_apart(
    ten: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys, "argv", ["t4zoo", "labels", "report", str(ten / "auto_label" / "20241101_ten")])
    with pytest.raises(SystemExit):
        main()
    lines = capsys.readouterr().out.splitlines()
    rows = lines[lines.index("BOXES BY THRESHOLD") + 1 :]
    assert all(len(line) <= 40 for line in rows[:2])
    assert "CenterPoint-t4base  car            10   10   10   10   10   10    8    6    4    2" in rows


@pytest.mark.parametrize("name", ["pseudo_infos_filtered.pkl", "info_all.pkl"])
def test_broken_files_are_told(ten: Path, name: str) -> None:
    folder = ten / "auto_label" / "20241101_ten"
    (folder / name).write_bytes(b"nothing")
    assert f"{name}: not an info file" in told("report", folder, cwd=ten, code=1)
    (folder / "raw" / f"pseudo_infos_raw_{MODEL}.parquet").write_bytes(b"nothing")
    assert "no file of boxes" in told("report", folder, cwd=ten, code=1)


def test_files_that_do_not_belong_together_are_told(ten: Path) -> None:
    folder, other = ten / "auto_label" / "20241101_ten", ten / "other"
    write_labels(other, {SCENE: [[("car", 0.0, 0.0, 0.9)]]})
    (other / "info_all.pkl").replace(folder / "info_all.pkl")
    error = told("report", folder, cwd=ten, code=1)
    assert "8 boxes in pseudo_infos_filtered.pkl and 1 in info_all.pkl; run autolabel again" in error


def test_what_is_no_box_is_told_with_its_scene(ten: Path) -> None:
    folder = ten / "auto_label" / "20241101_ten"
    write_raw(folder, {SCENE: [[("car", float("nan"), 0.0, 0.9)]]})
    error = told("report", folder, cwd=ten, code=1)
    assert f"{MODEL}.parquet: {SCENE} has a box that is not finite" in error
