"""What a rule is, and one breach of it: values without behaviour, so that a list of either can be read."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]

LONGEST = 80  # characters of a value that is shown


@dataclass(frozen=True)
class Rule:
    """id: three letters for the family and three digits, never given to another rule. cure: one line.

    An error means that what is made of the scene would be wrong or fail; a warning, that someone should look.
    """

    id: str
    severity: Severity
    what: str
    cure: str


@dataclass(frozen=True)
class Fault:
    """A breach: the table and the record's token, "" where there is none, and the value that breaks the rule.

    times: how many breaches it stands for, where the others are not worth their words.
    """

    rule: Rule
    table: str
    token: str
    value: str
    times: int = 1


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = LONGEST
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict = 3, 8, 6


def shown(value: Any) -> str:
    """The value as short text, however long or deep it is."""
    text = _SHORT.repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def named(token: Any) -> str:
    """A record's token as it is shown: whatever stands there, short."""
    return token if isinstance(token, str) and len(token) <= LONGEST else shown(token)
