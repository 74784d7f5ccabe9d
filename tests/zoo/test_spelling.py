"""What people wrote for versions, and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.zoo.spelling import SpellingError, looks_like_version, read_spelling
from t4zoo.zoo.version import Version, VersionError, parse_version

numbers = st.integers(0, 10**6)
words = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)


@st.composite
def versions(draw: st.DrawFn) -> Version:
    x, y, z = draw(numbers), draw(numbers), draw(numbers)
    match draw(st.integers(0, 2)):
        case 0:
            return Version(x, y, z)
        case 1:
            return Version(x, y, z, release=True)
    word = draw(words)
    try:
        read_spelling(f"v1.0.0-{word}")
    except SpellingError:  # rc, beta: names that no project takes
        word = "north"
    return Version(x, y, z, word if word != "release" else "north", draw(numbers))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("v1.3", "v1.3.0"),
        ("1.3", "v1.3.0"),
        ("2.5.1", "v2.5.1"),
        ("V2.5.1", "v2.5.1"),
        ("v2.6.1_quant", "v2.6.1-quant.1"),
        ("v2.6.1-quant.1", "v2.6.1-quant.1"),
        ("v2.6_QAT", "v2.6.0-qat.1"),
        ("v2.6.1_quant_int8", "v2.6.1-quant_int8.1"),
        ("v1.2.3_release", "v1.2.3-release"),
        ("v20241203", "v20241203.0.0"),
        ("20241203", "v20241203.0.0"),
        ("v2.0.0 (B)", "v2.0.0-b.1"),
        ("v2.0.0%20(B)", "v2.0.0-b.1"),
        ("v2.0.0+B", "v2.0.0-b.1"),
        (" v1.3", "v1.3.0"),
        ("v1.3%20", "v1.3.0"),
    ],
)
def test_what_people_wrote_is_read_as_they_meant_it(text: str, meant: str):
    assert str(read_spelling(text)) == meant


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("v1.0.0-rc1", "before v1.0.0"),
        ("v1.0.0_wip", "before v1.0.0"),
        ("v1.0.0-beta_2", "before v1.0.0"),
        ("v1.2.3.4", "4 numbers"),
        ("v1.03", "leading zero"),
        ("v20241303", "no day"),
        ("v1.2.3_2", "no name of a project"),
        ("v1.2.3-release.1", "no name of a project"),
        ("v1.2.3-ü", "no name of a project"),
        ("v1.2.", "in the middle"),
        ("v1.2_", "in the middle"),
        ("v2", "spells no version"),
        ("t4base", "spells no version"),
        ("", "spells no version"),
        ("v1.3final", "spells no version"),
    ],
)
def test_what_is_not_certain_is_refused_with_the_reason(text: str, reason: str):
    with pytest.raises(SpellingError, match=reason):
        read_spelling(text)


@given(versions())
def test_our_own_spelling_is_read_as_itself(version: Version):
    assert read_spelling(str(version)) == version
    assert looks_like_version(str(version))


@given(numbers, numbers, numbers)
def test_v_and_zeros_at_the_end_may_be_left_out(x: int, y: int, z: int):
    assert read_spelling(f"{x}.{y}.{z}") == read_spelling(f"v{x}.{y}.{z}") == Version(x, y, z)
    assert read_spelling(f"{x}.{y}") == read_spelling(f"v{x}.{y}") == Version(x, y, 0)


@given(numbers, numbers, words)
def test_a_word_behind_a_version_makes_a_newer_one(x: int, y: int, word: str):
    try:
        made = read_spelling(f"v{x}.{y}.7_{word}")
    except SpellingError:
        return
    assert read_spelling(f"v{x}.{y}.7") < made < read_spelling(f"v{x}.{y}.8")


@given(st.dates())
def test_days_are_ordered_as_days(day):
    spelled = f"v{day.year:04}{day.month:02}{day.day:02}"
    if spelled[1] == "0":
        return
    assert read_spelling(spelled) == Version(int(spelled[1:]), 0, 0)


@given(st.one_of(st.text(max_size=20), st.from_regex(r"[vV]?[0-9]{1,9}(\.[0-9]{1,3}){0,3}([ _.+(-]\w{0,5}){0,2}")))
def test_any_text_is_a_version_of_our_grammar_or_refused(text: str):
    try:
        version = read_spelling(text)
    except VersionError:
        return
    assert parse_version(str(version)) == version
    assert read_spelling(str(version)) == version
