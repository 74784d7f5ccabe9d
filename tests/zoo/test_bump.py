"""Which version comes next, over all histories that the rules allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.zoo.bump import Bump, next_project, next_release, next_version, overtaken
from t4zoo.zoo.lineage import PARENTS, SAME_XY, Member, breaches, plain
from t4zoo.zoo.manifest import Kind
from t4zoo.zoo.version import ModelVersion, Version, parse_version

KINDS: tuple[Kind, ...] = get_args(Kind)
SMALL = st.integers(0, 3)
PLAIN = st.builds(Version, SMALL, SMALL, SMALL)
HISTORIES = st.lists(
    st.one_of(
        PLAIN,
        st.builds(Version, SMALL, SMALL, SMALL, release=st.just(True)),
        st.builds(Version, SMALL, SMALL, SMALL, st.just("north"), SMALL),
    ),
    max_size=12,
    unique=True,
)


def same(_: Version) -> bool:
    return False


def other(_: Version) -> bool:
    return True


def model(kind: Kind, version: Version) -> ModelVersion:
    return ModelVersion("CenterPoint", kind, version)


def versions(text: str) -> list[Version]:
    return [parse_version(word) for word in text.split()]


@pytest.mark.parametrize(
    ("kind", "own", "parent", "differs", "expected"),
    [
        ("public", "", None, same, "v1.0.0"),
        ("pretrain", "v1.0.0", None, same, "v1.1.0"),
        ("pretrain", "v1.9.0 v1.10.0", None, same, "v1.11.0"),
        ("base", "", None, same, "v1.0.0"),
        ("base", "v1.0.0 v1.1.0-north.4", None, same, "v1.1.0"),
        ("base", "v1.2.0", None, other, "v2.0.0"),
        ("base", "v0.2.0", None, other, "v0.3.0"),
        ("product", "", "v1.2.0", same, "v1.2.0"),
        ("product", "v1.2.0 v1.2.1 v1.3.0", "v1.2.0", same, "v1.2.2"),
        ("product", "v1.2.3", "v1.3.0", same, "v1.3.0"),
        ("product", "v1.2.3", "v2.0.0", other, "v2.0.0"),
        ("product", "v0.2.3", "v0.3.0", other, "v0.3.0"),
        ("product", "v1.2.3", "v1.3.0", other, None),
        ("product", "v1.2.3", None, same, None),
        ("variant", "v1.2.0", "v1.2.5", same, "v1.2.1"),
    ],
)
def test_the_number_that_grows_is_the_one_of_the_table(
    kind: Kind, own: str, parent: str | None, differs: Callable[[Version], bool], expected: str | None
) -> None:
    start = model("base", parse_version(parent)) if parent else None
    found = next_version(kind, versions(own), start, differs)
    assert found.version == (parse_version(expected) if expected else None), found


def test_a_product_that_needs_a_new_x_is_told_to_get_a_base_first() -> None:
    found = next_version("product", versions("v1.2.3"), model("base", Version(1, 3, 0)), other)
    assert found.version is None and "release a base v2.0.0 first" in found.why


@given(st.sampled_from(KINDS), HISTORIES, PLAIN, st.booleans())
def test_what_is_proposed_is_new_and_keeps_the_rules(
    kind: Kind, own: list[Version], start: Version, differs: bool
) -> None:
    parent = model(PARENTS[kind][0], start) if PARENTS[kind] else None
    found = next_version(kind, own, parent, lambda _: differs)
    if found.version is None:
        assert differs and kind in SAME_XY
        return
    near = [one for one in own if kind not in SAME_XY or (one.x, one.y) == (start.x, start.y)]
    assert all(found.version > one for one in near if one == plain(one))
    start_member = Member(parent, PARENTS[kind][0]) if parent else None
    assert breaches(Member(model(kind, found.version), kind), start_member) == []


@given(HISTORIES, PLAIN, st.one_of(st.none(), SMALL))
def test_a_project_counts_on_from_the_highest_n(own: list[Version], start: Version, n: int | None) -> None:
    parent = model("product", start if n is None else Version(start.x, start.y, start.z, "north", n))
    found = next_project(parent.series, "north", own, parent)
    assert found.version is not None and plain(found.version) == start and found.version not in own
    assert all(found.version > one for one in own if one.project == "north" and plain(one) == start)
    assert breaches(Member(model("product", found.version), "product"), Member(parent, "product")) == []


def test_a_project_starts_from_its_own_model() -> None:
    def refused(parent: ModelVersion | None) -> Bump:
        found = next_project("CenterPoint/product", "north", [], parent)
        assert found.version is None
        return found

    assert "its parent is none" in refused(None).why
    assert "its parent is CenterPoint/base@v1.0.0" in refused(model("base", Version(1, 0, 0))).why
    assert "another project" in refused(model("product", Version(1, 0, 0, "south", 1))).why
    assert "start" in refused(model("product", Version(1, 0, 0, release=True))).why


def test_a_release_stands_beside_the_newest_version_of_its_parents_xy() -> None:
    base = model("base", Version(1, 2, 0))
    assert str(next_release("product", versions("v1.2.0 v1.2.1 v1.3.0"), base).version) == "v1.2.1-release"
    assert "release v1.2.0 first" in next_release("product", versions("v1.3.0"), base).why
    assert "release v1.2.2 first" in next_release("product", versions("v1.2.1 v1.2.1-release"), base).why
    assert "has no -release" in next_release("base", versions("v1.2.1"), None).why
    assert "has a parent" in next_release("product", versions("v1.2.1"), None).why


@pytest.mark.parametrize(
    ("version", "released", "newer"),
    [
        ("v0.9.0", "v1.0.0", "v1.0.0"),
        ("v1.1.0", "v1.0.0 v1.2.0", "v1.2.0"),
        ("v1.1.2", "v1.1.1 v1.2.0 v2.0.0", None),  # an older line goes on
        ("v1.1.1", "v1.1.0 v1.1.2", "v1.1.2"),
        ("v1.3.0", "v1.2.0 v2.0.0", None),
        ("v1.0.0", "v1.0.0 v1.1.0", None),  # the same again
        ("v1.0.0-north.1", "v1.0.0 v1.1.0", None),
        ("v1.0.0-release", "v1.0.0 v1.1.0", None),
        ("v1.0.0", "", None),
    ],
)
def test_a_version_comes_last_in_its_own_line(version: str, released: str, newer: str | None) -> None:
    found = overtaken("base", parse_version(version), [parse_version(word) for word in released.split()])
    assert found == (parse_version(newer) if newer else None)


@given(st.sampled_from(KINDS), HISTORIES)
def test_what_is_proposed_comes_last_in_its_own_line(kind: Kind, own: list[Version]) -> None:
    bump = next_version(kind, own, model("base", Version(1, 1, 0)), other)
    assert bump.version is None or overtaken(kind, bump.version, own) is None
