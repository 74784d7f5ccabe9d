"""What a tracking file may say."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from t4zoo.autolabel.tracking.rules import read_tracking
from t4zoo.errors import UsageError
from tests.autolabel.tracking.streets import SHIPPED
from tests.pipeline import ROOT


def test_none_tracks_nothing() -> None:
    assert read_tracking(yaml.safe_load((ROOT / "conf" / "tracking" / "none.yaml").read_text()), "none").kalman is None


def test_the_shipped_file_has_the_gates_and_groups_of_awml() -> None:
    kalman = read_tracking(SHIPPED, "kalman.yaml").kalman
    assert kalman is not None
    gates = {name: kalman.gate(name) for name in ("car", "truck", "bus", "bicycle", "pedestrian", "animal")}
    assert gates == {"car": 12.0, "truck": 15.0, "bus": 15.0, "bicycle": 3.0, "pedestrian": 3.0, "animal": 5.0}
    assert [group.classes for group in kalman.groups.values()] == [("car", "truck", "bus"), ("bicycle", "pedestrian")]
    assert kalman.widest == 15.0


def spoilt(path: str, value: Any) -> dict[str, Any]:
    """The shipped file with one value set, or taken out where that is None."""
    data = copy.deepcopy(SHIPPED)
    *above, key = path.split(".")
    place = data
    for name in above:
        place = place[name]
    place[key] = value
    if value is None:
        del place[key]
    return data


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("method", "hungarian", "method is 'hungarian', not none or kalman"),
        ("method", None, "method is None, not none or kalman"),
        ("method", "none", "method is none, so default_gate has no meaning"),
        ("passes", ["backward"], r"passes is \['backward'\]: is \[forward\] or \[forward, backward\]"),
        ("passes", [], r"passes is \[\]"),
        ("distance", "miles", "distance is 'miles'"),
        ("sigmas", 0, "sigmas is 0: .*greater than 0"),
        ("sigmas", float("nan"), "sigmas is nan"),
        ("gates.car", "12 m", "gates.car is '12 m'"),
        ("gates.car", True, "gates.car is True"),
        ("default_gate", None, "default_gate: Field required"),
        ("max_age", -1.0, "max_age is -1.0"),
        ("max_ages", 1.0, "max_ages is 1.0: Extra inputs"),
        ("groups.person.initial_speed", None, "groups.person.initial_speed: Field required"),
        ("groups.person.classes", ["bicycle", "car"], "groups name car twice"),
        ("groups.person.classes", [], "groups.person.classes is "),
        ("other", 3, "other is 3"),
        ("smoothing.size", "largest", "smoothing.size is 'largest'"),
        ("smoothing.velocity", 1, "smoothing.velocity is 1"),
        ("min_length", 0, "min_length is 0"),
        ("min_length", 1.5, "min_length is 1.5"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_the_key(path: str, value: Any, said: str) -> None:
    with pytest.raises(UsageError, match=f"^kalman.yaml: {said}"):
        read_tracking(spoilt(path, value), "kalman.yaml")
