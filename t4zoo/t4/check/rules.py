"""All rules by id, which of them are wanted, and what the set of them is known by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from t4zoo import geometry as transforms
from t4zoo import points
from t4zoo.errors import UsageError
from t4zoo.t4 import reader, velocity
from t4zoo.t4.check import automatic, chains, clouds, counts, geometry, records, references, structure, times
from t4zoo.t4.check.rule import Rule

FAMILIES = {
    "STR": structure.RULES,
    "REC": records.RULES,
    "REF": references.RULES,
    "CHA": chains.RULES,
    "TIM": times.RULES,
    "GEO": geometry.RULES,
    "CLD": clouds.RULES,
    "CNT": counts.RULES,
    "AUT": automatic.RULES,
}
RULES: dict[str, Rule] = {rule.id: rule for rules in FAMILIES.values() for rule in rules}


@dataclass(frozen=True)
class Selection:
    """Which rules are wanted. only: none for all. Both hold ids and families, as GEO003 and GEO."""

    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def wants(self, rule: str) -> bool:
        """Whether the rule of this id is wanted."""
        return (not self.only or rule.startswith(self.only)) and not rule.startswith(self.ignore or ("-",))

    def wants_any(self, family: str) -> bool:
        """Whether a rule of this family is wanted."""
        return any(self.wants(rule.id) for rule in FAMILIES[family])


def selection(only: Iterable[str] = (), ignore: Iterable[str] = ()) -> Selection:
    """The rules of these names; each may hold several with commas between. Raises UsageError for an unknown one."""
    return Selection(_names("--only", only), _names("--ignore", ignore))


def _names(option: str, given: Iterable[str]) -> tuple[str, ...]:
    names = tuple(
        sorted({name.strip().upper() for text in given for name in re.split(r"[,\s]+", text) if name.strip()})
    )
    for name in names:
        if name not in RULES and name not in FAMILIES:
            families = ", ".join(FAMILIES)
            raise UsageError(
                f"{option} {name}: no such rule or family; families are {families}; --rules lists all rules"
            )
    return names


@cache
def rule_set() -> str:
    """The digest of the code that judges: an older result says nothing once it changes."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    sources += [Path(module.__file__) for module in (reader, velocity, points, transforms) if module.__file__]
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]
