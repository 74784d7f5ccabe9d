"""Is a JSON value what a field of a table may hold? A function a kind of value gives a verdict, None for yes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Literal

# wrong: another type, length or name. endless: not finite, or beyond anything measured. negative: a count below zero.
# Usable all the same: null: where T4 says "". whole: no decimal point where T4 has floats. unknown: null or NaN within.
Verdict = Literal["wrong", "endless", "negative", "null", "whole", "unknown"]
Kind = Callable[[Any], Verdict | None]

UNUSABLE: frozenset[Verdict] = frozenset({"wrong", "endless", "negative"})
GREATEST = 1e12  # of a coordinate or angle; farther than Neptune is no street
GREATEST_WHOLE = 2**63


def text(value: Any) -> Verdict | None:
    """Any text."""
    if isinstance(value, str):
        return None
    return "null" if value is None else "wrong"


def token(value: Any) -> Verdict | None:
    """A text that is not empty."""
    return None if isinstance(value, str) and value else "wrong"


def whole(value: Any) -> Verdict | None:
    """A whole number, written as one."""
    return None if type(value) is int and -GREATEST_WHOLE < value < GREATEST_WHOLE else "wrong"


def count(value: Any) -> Verdict | None:
    """A whole number from zero on."""
    verdict = whole(value)
    return "negative" if verdict is None and value < 0 else verdict


def flag(value: Any) -> Verdict | None:
    """true or false."""
    return None if isinstance(value, bool) else "wrong"


def anything(value: Any) -> Verdict | None:
    """Looked at elsewhere."""
    return None


def one_of(names: Collection[str]) -> Kind:
    """One of these names."""
    return lambda value: None if isinstance(value, str) and value in names else "wrong"


def numbers(value: Any, lengths: Collection[int]) -> Verdict | None:
    """A list of floats, of one of these lengths."""
    if type(value) is not list or len(value) not in lengths:
        return "wrong"
    verdict: Verdict | None = None
    for item in value:
        if type(item) is int:
            verdict = "whole"
        elif type(item) is not float:
            return "wrong"
        if not -GREATEST < item < GREATEST:  # NaN too
            return "endless"
    return verdict


def vector(length: int) -> Kind:
    """A list of so many floats."""
    lengths = (length,)
    return lambda value: numbers(value, lengths)


def known_vector(length: int) -> Kind:
    """A list of so many floats, which some writers fill with null or NaN where the whole is unknown."""
    lengths = (length,)

    def verdict(value: Any) -> Verdict | None:
        if type(value) is list and len(value) == length and any(item is None or item != item for item in value):
            return "unknown"
        return numbers(value, lengths)

    return verdict


def matrix(value: Any) -> Verdict | None:
    """Three rows of three floats, or nothing."""
    if type(value) is not list or len(value) not in (0, 3):
        return "wrong"
    verdicts = [numbers(row, (3,)) for row in value]
    return next((verdict for verdict in ("wrong", "endless", "whole") if verdict in verdicts), None)


def distortion(value: Any) -> Verdict | None:
    """As many floats as a distortion model of OpenCV has."""
    return numbers(value, (0, 4, 5, 8, 12, 14))


def tokens(value: Any) -> Verdict | None:
    """A list of tokens."""
    return None if type(value) is list and all(isinstance(item, str) and item for item in value) else "wrong"
