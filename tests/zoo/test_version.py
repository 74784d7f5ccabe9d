"""Versions parse, format and order as the grammar says."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from t4zoo.zoo.version import (
    AutoLabelSet,
    InfoVersion,
    ModelVersion,
    Version,
    VersionError,
    order,
    parse_model,
    parse_name,
    parse_version,
)

NUMBERS = st.integers(min_value=0, max_value=10**6)
PROJECTS = st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True).filter(lambda name: name != "release")
VERSIONS = st.one_of(
    st.builds(Version, NUMBERS, NUMBERS, NUMBERS),
    st.builds(Version, NUMBERS, NUMBERS, NUMBERS, release=st.just(True)),
    st.builds(Version, NUMBERS, NUMBERS, NUMBERS, PROJECTS, NUMBERS),
)


@given(VERSIONS)
def test_a_version_reads_back_what_it_writes(version: Version) -> None:
    assert parse_version(str(version)) == version


@given(VERSIONS, VERSIONS)
def test_any_two_different_versions_are_ordered_one_way(first: Version, second: Version) -> None:
    assert (first < second) + (first > second) + (first == second) == 1


@given(VERSIONS, VERSIONS, VERSIONS)
def test_order_is_transitive(first: Version, second: Version, third: Version) -> None:
    low, middle, high = sorted((first, second, third))
    assert low <= middle <= high and low <= high


@given(NUMBERS, NUMBERS, NUMBERS, PROJECTS, NUMBERS)
def test_project_version_is_newer_than_its_product_and_older_than_the_next(
    x: int, y: int, z: int, project: str, n: int
) -> None:
    assert Version(x, y, z) < Version(x, y, z, project, n) < Version(x, y, z, project, n + 1) < Version(x, y, z + 1)


@given(VERSIONS, VERSIONS)
def test_numbers_decide_before_suffixes(first: Version, second: Version) -> None:
    one, two = (first.x, first.y, first.z), (second.x, second.y, second.z)
    assume(one != two)
    assert (first < second) == (one < two)


def test_numbers_are_compared_as_numbers() -> None:
    words = ["v1.2.3", "v1.2.3-release", "v1.2.3-shiojiri.2", "v1.2.3-shiojiri.10", "v1.2.4", "v1.10.0", "v2.0.0"]
    assert [str(version) for version in sorted(parse_version(word) for word in reversed(words))] == words


@pytest.mark.parametrize(
    "text",
    [
        *("", "1.0.0", "v1", "v1.2", "v1.2.3.4", "V1.2.3", "v01.2.3", "v1.2.3-", "v1.2.3-north", "v1.2.3-north."),
        *("v1.2.3-north.01", "v1.2.3-release.1", "v1.2.3-rc1", "v1.2.3_quant", "v1.2.3+build", "v1.2.3 ", "v1.2.3\n"),
        *(
            "v1.2.3-North.1",
            "v1.2.3-release-2",
            "v-1.2.3",
            "v\N{ARABIC-INDIC DIGIT ONE}.2.3",
            "v1.2.3-a/b.1",
            "v20241203",
            "latest",
        ),
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(VersionError, match=r"vX\.Y\.Z"):
        parse_version(text)


def test_a_version_that_could_not_be_read_back_cannot_be_made() -> None:
    for arguments in [(-1, 0, 0), (1, 0, 0, "north"), (1, 0, 0, None, 1), (1, 0, 0, "release", 1), (1, 0, 0, "a.b", 1)]:
        with pytest.raises(VersionError):
            Version(*arguments)
    with pytest.raises(VersionError):
        Version(1, 0, 0, "north", 1, release=True)


def test_a_name_is_algorithm_model_and_version() -> None:
    name = parse_name("TransFusion/t4x2-50m@v1.1.0-north.2")
    assert name == ModelVersion("TransFusion", "t4x2-50m", Version(1, 1, 0, "north", 2))
    assert str(name) == name.tag == "TransFusion/t4x2-50m@v1.1.0-north.2"


def test_info_has_the_repositorys_own_version_and_a_set_of_auto_labels_has_none() -> None:
    info, labels = parse_name("info@v0.3.0"), parse_name("auto_label/20241101_xx1")
    assert (info, info.tag) == (InfoVersion(Version(0, 3, 0)), "v0.3.0")
    assert (labels, labels.tag) == (AutoLabelSet("20241101_xx1"), "auto_label/20241101_xx1")
    assert [str(name) for name in (info, labels)] == ["info@v0.3.0", "auto_label/20241101_xx1"]
    for text in ("info@v0.3.0", "auto_label/20241101_xx1"):
        with pytest.raises(VersionError, match="no version of a model"):
            parse_model(text)


def test_names_of_all_sorts_have_one_order() -> None:
    words = [
        "CenterPoint/a@v1.9.0",
        "CenterPoint/a@v1.10.0",
        "TransFusion/a@v1.0.0",
        "info@v0.3.0",
        "auto_label/20241101_a",
    ]
    assert [str(name) for name in sorted((parse_name(word) for word in reversed(words)), key=order)] == words


@pytest.mark.parametrize(
    "text",
    ["CenterPoint", "CenterPoint/t4base", "CenterPoint@v1.0.0", "a/b/c@v1.0.0", "/b@v1.0.0", "a/@v1.0.0", "../b@v1.0.0",
     "a/b@v1.0", "a/b@@v1.0.0", "a /b@v1.0.0", "-a/b@v1.0.0", "info@v1.0.0-release", "info@v1.0.0-north.1", "info",
     "auto_label/xx1", "auto_label/20241101", "auto_label/20241101_", "auto_label/20241101_a/b", "auto_label/2024_a"],
)  # fmt: skip
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(VersionError):
        parse_name(text)
