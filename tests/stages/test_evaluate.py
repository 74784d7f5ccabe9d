"""`python -m stages.evaluate` as DVC runs it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from t4zoo.info import load, save
from t4zoo.models.common.checkpoint import digest
from tests.stages.workspace import CLASSES, make_workspace, refusal, run

OUT = Path("models/CenterPoint/t4base/evaluate")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> tuple[Path, str]:
    """A workspace after the stage ran without arguments, and what it said."""
    root = make_workspace(tmp_path_factory.mktemp("workspace"))
    done = run(root, "evaluate")
    assert done.returncode == 0, done.stderr
    return root, done.stdout


def test_it_writes_metrics_plots_and_a_log_and_nothing_else(evaluated) -> None:
    root, said = evaluated
    written = sorted(path.relative_to(root / OUT).as_posix() for path in (root / OUT).rglob("*") if path.is_file())
    assert written == ["metrics.json", "plots/precision_recall.csv", "test_log.log"]
    assert {path.name for path in root.iterdir()} == {"data", "info", "models"}
    assert "3 of 3 frames" in said


def test_metrics_are_of_the_products_bands_and_the_infos_classes(evaluated) -> None:
    root, _ = evaluated
    metrics = json.loads((root / OUT / "metrics.json").read_text())
    assert [band["range_m"] for band in metrics["bands"]] == [[0.0, 16.0], [0.0, 10.0], [10.0, 16.0]]
    assert tuple(metrics["AP"]) == CLASSES
    assert metrics["frames"] == 3
    assert metrics["ground_truth"] > 0


def test_the_log_names_the_weights_by_their_digest(evaluated) -> None:
    root, _ = evaluated
    sha256 = digest(root / "models/CenterPoint/t4base/train/epoch_1.pth")
    log = (root / OUT / "test_log.log").read_text()
    assert f"CenterPoint/t4base@sha256:{sha256[:12]}" in log
    assert f"epoch_1.pth sha256 {sha256}" in log
    assert "3 frames of 1 scenes in info/base/info_test.pkl" in log


def test_a_second_run_with_a_file_instead_of_a_folder_gives_the_same_bytes(evaluated, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "2")
    root, _ = evaluated
    done = run(root, "evaluate", "checkpoint=models/CenterPoint/t4base/train/epoch_1.pth", "out=again", "batch_size=1")
    assert done.returncode == 0, done.stderr
    for name in ("metrics.json", "plots/precision_recall.csv"):
        assert (root / "again" / name).read_bytes() == (root / OUT / name).read_bytes()
    shutil.rmtree(root / "again")


def test_classes_that_differ_are_refused_with_both_lists(evaluated, tmp_path: Path) -> None:
    root, _ = evaluated
    info = load(root / "info/base/info_test.pkl")
    save(tmp_path / "info.pkl", dataclasses.replace(info, classes=("car", "tram", "bus", "bicycle", "pedestrian")))
    line = refusal(run(root, "evaluate", f"info={tmp_path}/info.pkl", "out=never"), "evaluate")
    assert "epoch_1.pth has car, truck, bus" in line
    assert f"{tmp_path}/info.pkl has car, tram, bus" in line
    assert not (root / "never").exists()


def test_an_info_file_of_fewer_sweeps_than_the_model_takes_is_refused(evaluated, tmp_path: Path) -> None:
    root, _ = evaluated
    info = load(root / "info/base/info_test.pkl")
    save(tmp_path / "info.pkl", dataclasses.replace(info, extra={"max_sweeps": 0}))
    line = refusal(run(root, "evaluate", f"info={tmp_path}/info.pkl", "out=never"), "evaluate")
    assert "was made with max_sweeps 0, and the model takes 1" in line
    assert not (root / "never").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("checkpoint=models/none", "models/none: no such folder, file or released version"),
        ("info=info/none.pkl", "info/none.pkl: no such info file"),
    ],
)
def test_what_is_missing_is_named_in_one_line(evaluated, override: str, said: str) -> None:
    root, _ = evaluated
    assert said in refusal(run(root, "evaluate", override, "out=never"), "evaluate")
    assert not (root / "never").exists()
