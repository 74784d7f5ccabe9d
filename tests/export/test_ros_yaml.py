from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t4zoo.export import ros_yaml

TEXTS = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=8)
NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
SCALARS = [st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False), TEXTS]
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LEAVES = st.one_of(*SCALARS, *(st.lists(kind, min_size=1, max_size=10) for kind in SCALARS))
TREES = st.dictionaries(
    NAMES, st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, min_size=1), max_leaves=8)
)


def read(tmp_path_factory, text: str):
    path = tmp_path_factory.mktemp("ros") / "file.param.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    return ros_yaml.load(path)


@quick
@given(TREES)
def test_what_is_written_reads_back_with_every_type_kept(tmp_path_factory, parameters):
    again = read(tmp_path_factory, ros_yaml.dump({"/**": parameters}, "a header"))["/**"] if parameters else {}
    assert repr(again) == repr(parameters)


@quick
@given(TREES.filter(bool))
def test_what_is_written_is_the_same_to_any_yaml_reader(parameters):
    assert yaml.safe_load(ros_yaml.dump({"/**": parameters}, "")) == {"/**": parameters}


@pytest.mark.parametrize("value", [10.0, 1e-7, 1e22, -0.0, 121.6])
def test_a_double_is_never_written_without_its_decimal_point(value):
    text = ros_yaml.dump({"x": value}, "")
    assert "." in text
    assert float(text.split(":")[1]) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("10.0", 10.0),
        ("1e3", 1000.0),
        ("0x10", 16),
        ("v4.1", "v4.1"),
        ("4.1", 4.1),
        ("'4.1'", "4.1"),
        ('"true"', "true"),
        ("on", True),
        ("off", False),
        (".inf", math.inf),
        ("infinity", math.inf),
        ("information", "information"),
        ("[1, 2.5]", [1, 2.5]),
    ],
)
def test_a_value_has_the_type_that_ros_2_would_give_it(tmp_path_factory, text, value):
    assert repr(read(tmp_path_factory, f"x: {text}\n")["x"]) == repr(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("a: [1,", "not YAML"),
        ("- 1\n", "is a mapping"),
        ("a:\n  b:\n", "line 2, a.b has no value"),
        ("a: 1\na: 2\n", "line 2, a is written twice"),
    ],
)
def test_a_file_that_ros_2_could_not_read_is_refused_with_its_place(tmp_path_factory, text, says):
    with pytest.raises(ros_yaml.RosYamlError, match=says):
        read(tmp_path_factory, text)


@pytest.mark.parametrize("value", [None, math.nan, "a\nb", [], [1, 2.0], ["a", 1], {"x": None}])
def test_a_value_that_ros_2_has_no_type_for_is_not_written(value):
    with pytest.raises(ros_yaml.RosYamlError, match="key"):
        ros_yaml.dump({"key": value}, "")


@pytest.mark.parametrize(
    "value", ["on", "n", "Null", "inf", "nan", "1", "4.1", "0x1", "", " ", "a: b", "#", "it's", '"']
)
def test_a_string_that_could_be_something_else_stays_a_string(tmp_path_factory, value):
    assert read(tmp_path_factory, ros_yaml.dump({"x": value}, "")) == {"x": value}
