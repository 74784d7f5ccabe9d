"""What an ensemble file may say."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from t4zoo.autolabel.rules import read_ensemble
from t4zoo.errors import UsageError
from tests.pipeline import ROOT

TINY = yaml.safe_load((ROOT / "conf" / "ensemble" / "tiny.yaml").read_text())


def test_the_shipped_file_holds_models_thresholds_weights_groups_and_iou() -> None:
    ensemble = read_ensemble(TINY, "tiny.yaml")
    (model,) = ensemble.models
    assert (model.name, model.weight) == ("CenterPoint-t4base", 1.0)
    assert (
        set(model.use_label) == set(model.thresholds) == {label for group in ensemble.label_groups for label in group}
    )
    assert ensemble.iou_threshold == 0.2


def spoilt(**changes: Any) -> dict[str, Any]:
    data = copy.deepcopy(TINY)
    model = data["models"]["CenterPoint-t4base"]
    for key, value in changes.items():
        (data if key in data else model)[key] = value
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
        ({"models": ["CenterPoint-t4base"]}, "not an ensemble"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"tiny.yaml: .*{said}"):
        read_ensemble(spoilt(**changes), "tiny.yaml")
