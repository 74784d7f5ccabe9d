"""Who may be whose parent: the rules alone, over all kinds and versions."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.zoo.lineage import Member, breaches
from t4zoo.zoo.manifest import Kind
from t4zoo.zoo.version import Version, parse_model

KINDS: tuple[Kind, ...] = get_args(Kind)
SMALL = st.integers(0, 2)  # so that equal numbers are common
VERSIONS = st.one_of(
    st.builds(Version, SMALL, SMALL, SMALL),
    st.builds(Version, SMALL, SMALL, SMALL, release=st.just(True)),
    st.builds(Version, SMALL, SMALL, SMALL, st.sampled_from(["north", "south"]), SMALL),
)
# A model has one kind for life, so each name here stands for its kind.
MEMBERS = st.builds(
    lambda kind, number, version: Member(parse_model(f"CenterPoint/{kind}{number}@{version}"), kind),
    st.sampled_from(KINDS),
    SMALL,
    VERSIONS,
)


def member(text: str) -> Member:
    kind, _, name = text.partition(" ")
    return Member(parse_model(name), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        ("public CenterPoint/nuscenes@v1.0.0", None),
        ("public CenterPoint/nuscenes@v1.0.0", "https://example.invalid/nuscenes.pth"),
        ("pretrain CenterPoint/t4pretrain@v1.0.0", None),
        ("pretrain CenterPoint/t4pretrain@v1.0.0", "https://example.invalid/nuscenes.pth"),
        ("pretrain CenterPoint/t4pretrain@v3.1.0", "public CenterPoint/nuscenes@v1.0.0"),
        ("base CenterPoint/t4base@v2.0.0", "pretrain CenterPoint/t4pretrain@v3.1.0"),
        ("base CenterPoint/t4base@v2.0.0", None),
        ("product CenterPoint/t4x2@v2.0.0", "base CenterPoint/t4base@v2.0.0"),
        ("product CenterPoint/t4x2@v2.0.7", "base CenterPoint/t4base@v2.0.1"),
        ("product CenterPoint/t4x2@v2.0.7-release", "base CenterPoint/t4base@v2.0.0"),
        ("variant CenterPoint/t4x2-50m@v2.0.0", "product CenterPoint/t4x2@v2.0.7"),
        ("variant CenterPoint/t4x2-50m@v2.0.0-release", "product CenterPoint/t4x2@v2.0.7"),
        ("product CenterPoint/t4x2@v2.0.7-north.0", "product CenterPoint/t4x2@v2.0.7"),
        ("product CenterPoint/t4x2@v2.0.7-north.10", "product CenterPoint/t4x2@v2.0.7-north.2"),
        ("base CenterPoint/t4base@v2.0.0-north.1", "base CenterPoint/t4base@v2.0.0"),
    ],
)
def test_the_family_of_the_specification_is_allowed(child: str, parent: str | None) -> None:
    assert breaches(member(child), member(parent) if parent and "@" in parent else parent) == []


@pytest.mark.parametrize(
    ("child", "parent", "told"),
    [
        ("public CenterPoint/n@v1.0.0", "public CenterPoint/m@v1.0.0", "is a public, and its parent .* is a public"),
        ("pretrain CenterPoint/p@v1.1.0", "pretrain CenterPoint/p@v1.0.0", "is a pretrain, and its parent"),
        ("base CenterPoint/t4base@v1.1.0", "base CenterPoint/t4base@v1.0.0", "is a base, and its parent .* is a base"),
        ("base CenterPoint/t4base@v1.1.0", "public CenterPoint/n@v1.0.0", "start from a pretrain or conf/parents"),
        ("base CenterPoint/t4base@v1.1.0", "https://e.invalid/a.pth", "nobody knows the training scenes"),
        ("product CenterPoint/t4x2@v1.0.0", None, "started from random weights; start from a base v1.0.z"),
        ("product CenterPoint/t4x2@v1.0.0", "https://e.invalid/a.pth", "start from a base v1.0.z"),
        ("product CenterPoint/t4x2@v1.0.1", "product CenterPoint/t4x2@v1.0.0", "is a product, and its parent"),
        ("product CenterPoint/t4x2@v1.1.0", "base CenterPoint/t4base@v1.0.0", "another X.Y .* as v1.0.z, or start"),
        ("product CenterPoint/t4x2@v1.0.0", "base CenterPoint/t4base@v1.0.0-north.1", "a project's own"),
        ("product TransFusion/t4x2@v1.0.0", "base CenterPoint/t4base@v1.0.0", "another algorithm"),
        ("variant CenterPoint/t4x2-50m@v1.0.0", "base CenterPoint/t4base@v1.0.0", "start from a product v1.0.z"),
        ("variant CenterPoint/t4x2-50m@v2.0.0", "product CenterPoint/t4x2@v1.0.0", "another X.Y"),
        ("product CenterPoint/t4x2@v1.0.1", "product CenterPoint/t4x2@v1.0.0-release", "trained on its test scenes"),
        ("product CenterPoint/t4x2@v1.0.1-release", "product CenterPoint/t4x2@v1.0.1", "is a product, and its parent"),
        ("base CenterPoint/t4base@v1.0.0-release", None, "a base has no -release"),
        ("pretrain CenterPoint/p@v1.0.0-north.1", None, "a pretrain has no projects"),
        ("product CenterPoint/t4x2@v1.0.0-north.1", "base CenterPoint/t4base@v1.0.0", "its parent is CenterPoint/t4b"),
        (
            "product CenterPoint/t4x2@v1.0.0-north.1",
            "product CenterPoint/t4x2@v1.0.1",
            "start from CenterPoint/t4x2@",
        ),
        ("product CenterPoint/t4x2@v1.0.0-north.2", "product CenterPoint/t4x2@v1.0.0-north.2", "an earlier v1.0.0-nor"),
        ("product CenterPoint/t4x2@v1.0.0-north.2", "product CenterPoint/t4x2@v1.0.0-south.1", "an earlier v1.0.0-nor"),
        ("product CenterPoint/t4x2@v1.0.0-north.1", "product CenterPoint/t4x3@v1.0.0", "start from CenterPoint/t4x2"),
        ("product CenterPoint/t4x2@v1.0.0-north.1", "product CenterPoint/t4x2@v1.0.0-release", "test scenes"),
        ("base CenterPoint/t4base@v1.0.0-north.1", None, "start from CenterPoint/t4base@v1.0.0"),
    ],
)
def test_any_other_parent_is_a_breach_that_names_both_and_what_would_do(child: str, parent: str, told: str) -> None:
    found = breaches(member(child), member(parent) if parent and "@" in parent else parent)
    lines = [f"{breach.what}; {breach.cure}" for breach in found]
    assert any(re.search(told, line) for line in lines), lines


def test_of_a_parent_whose_kind_nobody_knows_its_name_is_judged() -> None:
    adopted = Member(parse_model("CenterPoint/t4base@v1.0.0"), None)
    assert breaches(member("product CenterPoint/t4x2@v1.0.3"), adopted) == []
    assert "another X.Y" in breaches(member("product CenterPoint/t4x2@v1.1.0"), adopted)[0].what


@given(MEMBERS, MEMBERS)
def test_a_release_is_nobodys_parent(child: Member, parent: Member) -> None:
    assert not parent.name.version.release or breaches(child, parent)


def age(one: Member) -> tuple[int, int]:
    """What grows from parent to child: the kind, and within one kind the number of the project."""
    version = one.name.version
    return KINDS.index(one.kind), 0 if version.project is None else 1 + (version.n or 0)  # type: ignore[arg-type]


@given(MEMBERS, MEMBERS)
def test_a_parent_is_always_older_so_that_no_version_descends_from_itself(child: Member, parent: Member) -> None:
    if not breaches(child, parent):
        assert age(parent) < age(child)


@given(MEMBERS, MEMBERS)
def test_what_shares_no_xy_is_related_only_above_a_base(child: Member, parent: Member) -> None:
    ours, theirs = child.name.version, parent.name.version
    if not breaches(child, parent) and (ours.x, ours.y) != (theirs.x, theirs.y):
        assert child.kind in ("pretrain", "base")


@given(MEMBERS, st.one_of(st.none(), st.just("https://example.invalid/a.pth"), MEMBERS))
def test_every_breach_names_a_value_and_a_cure(child: Member, parent: Member | str | None) -> None:
    for breach in breaches(child, parent):
        assert breach.what and breach.cure and "None" not in breach.what + breach.cure
