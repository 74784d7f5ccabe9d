"""Suggested thresholds: right on their truth, in copies that differ from the originals in nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from t4zoo.errors import UsageError
from t4zoo.export import ros_yaml
from t4zoo.export.CenterPoint.parameter_rules import check_package
from t4zoo.export.CenterPoint.parameters import PACKAGE_FILE, REMAPPER_FILE
from t4zoo.labels.bundle_copy import BundleCopyError
from t4zoo.labels.ensemble_copy import CopyError, meant, read_ensemble_file, with_thresholds
from t4zoo.labels.settings import Settings
from tests.labels.asking import figures, made
from tests.labels.workspace import ENSEMBLE, MODEL, SCENE, Row, write_ensemble, write_raw, write_truth

PUBLISHED = Path(__file__).parent.parent / "data" / "contracts"
FIVE = ("car", "truck", "bus", "bicycle", "pedestrian")
SETTINGS = Settings(enough=5)


def test_the_threshold_of_ten_boxes_is_the_score_before_the_first_wrong_one(ten: Path) -> None:
    car, pedestrian = figures(ten, SETTINGS)["suggestions"]["thresholds"]
    assert (car["class"], car["now"], car["suggested"], car["why"]) == ("car", 0.35, 0.8, "reached")
    assert (car["precision_now"], car["recall_now"]) == (0.6, round(6 / 7, 6))
    assert (car["precision"], car["recall"]) == (1.0, round(4 / 7, 6))
    assert (pedestrian["suggested"], pedestrian["why"], pedestrian["objects"]) == (None, "too few objects", 0)


def test_a_lower_precision_needs_a_lower_threshold(ten: Path) -> None:
    (car, _) = figures(ten, Settings(enough=5, precision=0.8))["suggestions"]["thresholds"]
    assert (car["suggested"], car["precision"]) == (0.7, round(5 / 6, 6))


def test_a_precision_that_no_score_reaches_is_told_and_the_threshold_stays(ten: Path) -> None:
    write_truth(ten / "truth.pkl", {SCENE: [[("car", 50.0, 50.0, 1.0)] * 6]})
    report = made(ten, SETTINGS)
    car, _ = report.data["suggestions"]["thresholds"]
    assert (car["suggested"], car["why"]) == (None, "not reached")
    assert report.files == {} and report.data["suggestions"]["files"] == []


def test_fewer_objects_than_enough_suggest_nothing(ten: Path) -> None:
    (car, _) = figures(ten, Settings(enough=8))["suggestions"]["thresholds"]
    assert (car["suggested"], car["why"], car["objects"]) == (None, "too few objects", 7)


def test_the_copy_says_what_the_original_says_but_for_its_thresholds(ten: Path) -> None:
    original = ten / "conf" / "ensemble" / "two.yaml"
    text = made(ten, SETTINGS).files["suggested/ensemble/two.yaml"]
    assert text == ENSEMBLE.replace("car: 0.35", "car: 0.8")
    copied = write_ensemble(ten / "copy.yaml", text)
    assert read_ensemble_file(copied)[1] == meant(read_ensemble_file(original)[1], {MODEL: {"car": 0.8}})
    assert original.read_text() == ENSEMBLE


BLOCK = """\
models:
  'A-b': {weight: 1, use_label: [car, "big truck"], confidence_thresholds: {car: 0.1, "big truck": '0.2'}}
  C-d: # the second
    confidence_thresholds:
      # of a car
      car: 0.30   # trailing
      big truck: .4
    use_label: [car]
    weight: 2
label_groups:
- [car, big truck]
iou_threshold: 0.1
"""


def test_any_way_to_write_thresholds_keeps_its_comments_and_layout(tmp_path: Path) -> None:
    file = write_ensemble(tmp_path / "e.yaml", BLOCK)
    changed = with_thresholds(BLOCK, file, {"A-b": {"big truck": 0.25}, "C-d": {"car": 0.5, "big truck": 0.75}})
    assert changed == BLOCK.replace("'0.2'", "0.25").replace("0.30 ", "0.5 ").replace(".4\n", "0.75\n")


SHARED = """\
models:
  A-b: &rules {weight: 1, use_label: [car], confidence_thresholds: {car: 0.1}}
  C-d: *rules
label_groups: [[car]]
iou_threshold: 0.1
"""


def test_thresholds_that_two_models_share_are_not_replaced_for_one(tmp_path: Path) -> None:
    file = write_ensemble(tmp_path / "e.yaml", SHARED)
    with pytest.raises(CopyError, match=r"e\.yaml: .* without aliases"):
        with_thresholds(SHARED, file, {"A-b": {"car": 0.5}})


def test_a_file_that_is_no_ensemble_is_told(ten: Path) -> None:
    for text, words in ((": {", "not YAML"), ("- a", "not an ensemble"), ("models: {}", "not an ensemble")):
        with pytest.raises(UsageError, match=words):
            figures(ten, ensemble=write_ensemble(ten / "other.yaml", text))


def near_and_far() -> tuple[list[Row], list[Row]]:
    """Cars up to 50 m are right from 0.3 on; of those beyond, the surest eight and no other; the truth of both."""
    near: list[Row] = [("car", 10.0, 4.0 * i, round(0.3 + 0.02 * i, 2)) for i in range(10)]
    far: list[Row] = [("car", 70.0, 3.0 * i, round(0.2 + 0.04 * i, 2)) for i in range(16)]
    return [*near, *far], [*near, *far[8:]]


@pytest.fixture
def bundled(tmp_path: Path) -> Path:
    """A repository whose model has five classes and an exported bundle."""
    said, truth = near_and_far()
    folder = tmp_path / "auto_label" / "20241101_far"
    write_raw(folder, {SCENE: [said]}, classes=FIVE)
    write_truth(tmp_path / "truth.pkl", {SCENE: [truth]}, classes=FIVE)
    bundle = tmp_path / "models" / "CenterPoint" / "t4base" / "export"
    bundle.mkdir(parents=True)
    shutil.copy(PUBLISHED / "v4.1_lidar_centerpoint_base_ml_package.param.yaml", bundle / PACKAGE_FILE)
    shutil.copy(PUBLISHED / REMAPPER_FILE, bundle / REMAPPER_FILE)
    return tmp_path


def scores_in(text: str) -> dict[str, list[float]]:
    model = yaml.safe_load(text)["/**"]["ros__parameters"]["model_params"]
    return model["detection_score_thresholds"]["min_confidence_scores"]


def test_a_bin_has_its_own_threshold_where_it_has_enough_objects_else_that_of_all(bundled: Path) -> None:
    report = made(bundled, Settings(enough=8, precision=1.0))
    text = report.files[f"suggested/{MODEL}/{PACKAGE_FILE}"]
    # near: all ten are right, so the least score of 0.3 stays; far: 0.2 + 0.04 * 8. Of all together, the wrong one at
    # 0.48 is the surest, 0.52 the next score, and 0.5 tells them apart.
    assert scores_in(text)["CAR"] == [0.3, 0.5, 0.5, 0.5]
    assert all(scores == [0.35] * 4 for name, scores in scores_in(text).items() if name != "CAR")
    (bins,) = report.data["suggestions"]["bundles"]
    car = bins["classes"][0]
    assert [why.split(", ")[1] for why in car["why"]] == [
        "10 objects in this range", "8 objects in this range", "18 objects in all ranges", "18 objects in all ranges",
    ]  # fmt: skip


def test_the_copy_of_the_bundle_passes_the_nodes_checks_and_changes_nothing_else(bundled: Path) -> None:
    original = bundled / "models" / "CenterPoint" / "t4base" / "export"
    before = (original / PACKAGE_FILE).read_bytes()
    text = made(bundled, Settings(enough=8)).files[f"suggested/{MODEL}/{PACKAGE_FILE}"]
    copied = bundled / "copied"
    copied.mkdir()
    (copied / PACKAGE_FILE).write_text(text)
    shutil.copy(original / REMAPPER_FILE, copied)
    assert check_package(copied)[0] == []
    old, new = ros_yaml.load(original / PACKAGE_FILE), ros_yaml.load(copied / PACKAGE_FILE)
    for data in (old, new):
        data["/**"]["ros__parameters"]["model_params"]["detection_score_thresholds"].pop("min_confidence_scores")
    assert new == old
    assert (original / PACKAGE_FILE).read_bytes() == before


def test_a_bundle_that_the_node_would_not_take_is_told(bundled: Path) -> None:
    file = bundled / "models" / "CenterPoint" / "t4base" / "export" / PACKAGE_FILE
    file.write_text(file.read_text().replace("version: v4.1", "version: v5.0"))
    with pytest.raises(BundleCopyError, match=r"node would not take these parameters:\n.*v5\.0"):
        made(bundled)


def test_a_bundle_of_other_classes_is_refused(bundled: Path) -> None:
    folder = bundled / "auto_label" / "20241101_far"
    write_raw(folder, {SCENE: [near_and_far()[0]]}, classes=("truck", "car", "bus", "bicycle", "pedestrian"))
    with pytest.raises(UsageError, match=r"has the classes CAR, TRUCK, BUS, .* and the predictions truck, car"):
        made(bundled)


def test_a_bundle_that_is_named_is_of_one_model(bundled: Path) -> None:
    folder = bundled / "auto_label" / "20241101_far"
    write_raw(folder, {SCENE: [near_and_far()[0]]}, model="CenterPoint-other", classes=FIVE)
    bundle = bundled / "models" / "CenterPoint" / "t4base" / "export"
    with pytest.raises(UsageError, match="CenterPoint-other, CenterPoint-t4base; name one with --model"):
        made(bundled, bundle=bundle)
    report = made(bundled, Settings(enough=8), bundle=bundle, models=("CenterPoint-other",))
    assert list(report.files) == [f"suggested/CenterPoint-other/{PACKAGE_FILE}"]
    with pytest.raises(UsageError, match="no such file; --bundle names the folder"):
        made(bundled, bundle=bundled, models=("CenterPoint-other",))
