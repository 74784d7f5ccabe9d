"""What was found in one scene: bounded, however much is wrong, and the same from a cache as from a check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from t4zoo.t4.check.rule import Fault, Severity
from t4zoo.t4.check.rules import RULES

MOST = 10  # findings of one rule in one table that are kept one by one; the others are counted


@dataclass(frozen=True)
class Finding:
    """A breach of a rule. table and token are "" where there is none."""

    rule: str
    severity: Severity
    table: str
    token: str
    value: str

    def line(self) -> str:
        """The finding in words, without the scene."""
        place = " ".join(part for part in (self.table, self.token) if part)
        return f"{self.severity} {self.rule} {place + ': ' if place else ''}{RULES[self.rule].what}: {self.value}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        rule = RULES[self.rule]
        return asdict(self) | {"what": rule.what, "cure": rule.cure}


@dataclass(frozen=True)
class SceneReport:
    """scene: `{T4 id}/{revision}` or `{T4 id}`. path: its folder, as found. counts: rule -> breaches, all of them.

    findings: the first of each rule and table. cached: whether an earlier check found it.
    """

    scene: str
    path: str
    counts: dict[str, int]
    findings: tuple[Finding, ...]
    cached: bool = False

    def total(self, severity: Severity) -> int:
        """How many breaches there are of the rules of this severity."""
        return sum(count for rule, count in self.counts.items() if RULES[rule].severity == severity)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "scene": self.scene,
            "path": self.path,
            "errors": self.total("error"),
            "warnings": self.total("warning"),
            "counts": self.counts,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def gather(faults: Iterable[Fault], findings: dict[tuple[str, str], list[Finding]], counts: dict[str, int]) -> None:
    """Count the faults, and keep the first of each rule and table."""
    for fault in faults:
        rule = fault.rule
        counts[rule.id] = counts.get(rule.id, 0) + fault.times
        kept = findings.setdefault((rule.id, fault.table), [])
        if len(kept) < MOST:
            kept.append(Finding(rule.id, rule.severity, fault.table, fault.token, fault.value))
