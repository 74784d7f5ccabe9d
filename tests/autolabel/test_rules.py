"""What an ensemble file may say."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import yaml

from t4zoo.autolabel.filter_rules import Duplicates, Filters
from t4zoo.autolabel.rules import Merge, read_ensemble
from t4zoo.errors import UsageError
from tests.pipeline import ROOT

SHIPPED = sorted((ROOT / "conf" / "ensemble").glob("*.yaml"))
TINY = yaml.safe_load((ROOT / "conf" / "ensemble" / "tiny.yaml").read_text())


def test_the_shipped_file_holds_models_thresholds_weights_groups_and_iou() -> None:
    ensemble = read_ensemble(TINY, "tiny.yaml")
    (model,) = ensemble.models
    assert (model.name, model.weight) == ("CenterPoint-t4base", 1.0)
    assert (
        set(model.use_label) == set(model.thresholds) == {label for group in ensemble.label_groups for label in group}
    )
    assert (ensemble.iou_threshold, ensemble.merge, ensemble.filters) == (0.2, Merge("nms"), Filters())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_is_read_and_groups_every_class_that_it_uses(path) -> None:
    ensemble = read_ensemble(yaml.safe_load(path.read_text()), path.name)
    grouped = {label for group in ensemble.label_groups for label in group}
    assert all(set(model.use_label) <= grouped for model in ensemble.models)


def test_the_shipped_files_show_both_merges_and_filters() -> None:
    read = {path.stem: read_ensemble(yaml.safe_load(path.read_text()), path.name) for path in SHIPPED}
    assert {ensemble.merge.kind for ensemble in read.values()} == {"nms", "wbf"}
    assert [model.name for model in read["pair"].models] == ["TransFusion-t4base", "BEVFusion-t4base"]
    assert read["pair"].filters == Filters(
        range={"all": (0.0, 120.0)}, points={"all": 1}, duplicates=Duplicates("smaller", 0.8)
    )


def test_merge_and_filters_may_be_left_out() -> None:
    older = {key: TINY[key] for key in ("models", "label_groups", "iou_threshold")}
    assert read_ensemble(older, "tiny.yaml") == read_ensemble(TINY, "tiny.yaml")


def test_filters_are_read_by_class() -> None:
    filters = {
        "range": {"all": [1, 50], "car": [0, math.inf]},
        "size": {"bus": {"length": [5, 20.5], "height": [2, 4]}},
        "points": {"pedestrian": 3},
        "duplicates": {"measure": "iou", "above": 0.5},
    }
    assert read_ensemble(spoilt(filters=filters), "tiny.yaml").filters == Filters(
        {"all": (1.0, 50.0), "car": (0.0, math.inf)},
        {"bus": {"length": (5.0, 20.5), "height": (2.0, 4.0)}},
        {"pedestrian": 3},
        Duplicates("iou", 0.5),
    )


def spoilt(**changes: Any) -> dict[str, Any]:
    data = copy.deepcopy(TINY)
    model = data["models"]["CenterPoint-t4base"]
    for key, value in changes.items():
        (model if key in model else data)[key] = value
    return data


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"confidence_thresholds": {"car": 0.3}, "use_label": ["car", "bus"]}, "label bus, which has no confidence"),
        ({"models": {}}, "names no model"),
        ({"label_groups": [["car"], ["car", "bus"]]}, "car twice"),
        ({"iou_threshold": 1.5}, "1.5, not within 0 and 1"),
        ({"iou_threshold": "much"}, "not an ensemble"),
        ({"weight": None}, "not an ensemble"),
        ({"weight": 0.0}, "weight of CenterPoint-t4base is 0.0, not above 0"),
        ({"weight": math.nan}, "weight of CenterPoint-t4base is nan"),
        ({"models": ["CenterPoint-t4base"]}, "not an ensemble"),
        ({"confidence_thresholds": {"car": 35}, "use_label": ["car"]}, "t4base for car is 35.0, not within 0 and 1"),
        ({"confidence_thresholds": {"car": math.nan}, "use_label": ["car"]}, "for car is nan, not within 0 and 1"),
        ({"filter": {}}, "has no key filter, but models"),
        ({"merge": {"kind": "mean"}}, "merge.kind is 'mean', neither nms nor wbf"),
        ({"merge": {"kind": "nms", "missing_models": "zero"}}, r"merge \(nms\): has no key missing_models"),
        ({"merge": {"kind": "wbf"}}, "merge.missing_models is None, neither zero nor ignore"),
        ({"merge": []}, r"merge.kind is \[\]"),
        ({"filters": [1]}, r"filters is \[1\], not a mapping with the keys range, size, points, duplicates"),
        ({"filters": {"score": 1}}, "filters has no key score, but range"),
        ({"filters": {"range": {"tram": [0, 1]}}}, "filters.range names tram, which no model's thresholds do"),
        ({"filters": {"range": {"car": [5, 1]}}}, r"filters.range.car is \[5, 1\], not \[least, most\]"),
        ({"filters": {"range": {"car": 5}}}, "filters.range.car is 5, not"),
        ({"filters": {"range": [0, 5]}}, r"filters.range is \[0, 5\], not a mapping with the keys all, car"),
        ({"filters": {"range": {"car": [0, math.nan]}}}, r"filters.range.car is \[0, nan\]"),
        ({"filters": {"size": {"car": {"depth": [0, 1]}}}}, "filters.size.car has no key depth, but length"),
        ({"filters": {"size": {"car": {"length": [-1, 1]}}}}, r"filters.size.car.length is \[-1, 1\]"),
        ({"filters": {"points": {"all": 1.5}}}, "filters.points.all is 1.5, not a number of points"),
        ({"filters": {"points": {"all": True}}}, "filters.points.all is True, not"),
        ({"filters": {"duplicates": 0.5}}, "filters.duplicates is 0.5, not a mapping"),
        ({"filters": {"duplicates": {"measure": "giou", "above": 0}}}, "duplicates.measure is 'giou', neither iou"),
        ({"filters": {"duplicates": {"measure": "iou"}}}, "duplicates.above is None, not a number within 0 and 1"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"tiny.yaml: .*{said}"):
        read_ensemble(spoilt(**changes), "tiny.yaml")
