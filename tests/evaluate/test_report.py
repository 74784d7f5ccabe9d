"""The files that tell a score, and DVC's reading of them."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from t4zoo.evaluate.precision import RECALLS
from t4zoo.evaluate.report import metrics, write
from t4zoo.evaluate.score import Rules, Score, score
from tests.evaluate.scenes import CLASSES, frame, predictions, random_scenes

RULES = Rules((0.5, 1.0, 2.0, 4.0), 2.0, 0.1, 0.1, bands=((0.0, 10.0), (10.0, 30.0), (0.0, 30.0)))


@pytest.fixture(scope="module")
def judged() -> Score:
    return score(*random_scenes(3), CLASSES, RULES)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_report_is_three_files_and_the_same_bytes_twice(judged: Score, tmp_path: Path) -> None:
    write(tmp_path / "a", judged, "heading")
    write(tmp_path / "b", score(*random_scenes(3), CLASSES, RULES), "heading")
    assert sorted(files_below(tmp_path / "a")) == ["metrics.json", "plots/precision_recall.csv", "test_log.log"]
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b")


def test_metrics_lead_with_the_overall_figures_and_hold_each_band_once(judged: Score) -> None:
    told = metrics(judged)
    assert told["mAP"] == round(judged.overall.mean_precision, 6)
    assert told["mAP_2m"] == round(judged.overall.mean_precision_at(2.0), 6)
    assert [band["range_m"] for band in told["bands"]] == [[0.0, 30.0], [0.0, 10.0], [10.0, 30.0]]
    assert {one["name"]: one["AP"] for one in told["bands"][0]["classes"]} == told["AP"]
    assert set(told["AP"]) == set(CLASSES)


def test_a_class_without_ground_truth_is_null_and_the_file_is_strict_json(tmp_path: Path) -> None:
    write(tmp_path, score([frame([(0, 3, 0)])], [predictions()], CLASSES, RULES), "")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    told = json.loads((tmp_path / "metrics.json").read_text(), parse_constant=refuse)
    assert told["AP"] == {"car": 0.0, "truck": None, "bus": None, "bicycle": None, "pedestrian": None}
    assert "truck" in (tmp_path / "test_log.log").read_text()


def test_curves_have_a_row_for_each_class_threshold_and_recall(judged: Score, tmp_path: Path) -> None:
    write(tmp_path, judged, "")
    with (tmp_path / "plots" / "precision_recall.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(CLASSES) * len(RULES.thresholds) * len(RECALLS)
    car = [float(row["precision"]) for row in rows if (row["class"], row["threshold"]) == ("car", "2 m")]
    assert car == pytest.approx(judged.overall.classes[0].curves[2.0].precision, abs=1e-6)


def test_the_log_names_every_class_and_band(judged: Score, tmp_path: Path) -> None:
    write(tmp_path, judged, "CenterPoint/t4base on 12 frames")
    text = (tmp_path / "test_log.log").read_text()
    assert text.startswith("CenterPoint/t4base on 12 frames\n")
    assert [text.count(name) for name in CLASSES] == [3] * len(CLASSES)
    assert re.findall(r"^(.*) m from the ego", text, re.M) == ["0 to 30", "0 to 10", "10 to 30"]


def test_dvc_shows_the_metrics_and_draws_the_curves(judged: Score, tmp_path: Path) -> None:
    def dvc(*arguments: str) -> str:
        done = subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    dvc("init", "-q", "--no-scm")
    dvc("config", "core.analytics", "false")
    write(tmp_path / "evaluate", judged, "")
    template = Path(__file__).parents[2] / "conf" / "plots" / "precision_recall.json"
    (tmp_path / "dvc.yaml").write_text(
        "metrics: [evaluate/metrics.json]\n"
        "plots:\n"
        "  - evaluate/plots/precision_recall.csv:\n"
        f"      {{x: recall, y: precision, template: {template}}}\n"
    )
    shown = json.loads(dvc("metrics", "show", "--json"))[""]["data"]["evaluate/metrics.json"]["data"]
    assert shown["mAP"] == metrics(judged)["mAP"]
    drawn = json.loads(dvc("plots", "show", "--json"))["data"]["evaluate/plots/precision_recall.csv"][0]["content"]
    assert len(drawn["data"]["values"]) == len(CLASSES) * len(RULES.thresholds) * len(RECALLS)
    assert drawn["facet"]["field"] == "threshold"
    assert "<DVC_METRIC" not in json.dumps(drawn)
