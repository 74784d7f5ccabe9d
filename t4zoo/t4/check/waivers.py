"""Rules that are not held against a scene, and why: the list `waivers` of params.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.errors import UsageError
from t4zoo.plain import plain
from t4zoo.t4.check.report import SceneReport
from t4zoo.t4.check.rules import RULES
from t4zoo.yaml_text import brief, read_yaml

FORM = "each entry is {scene: ID/REVISION, rules: [CNT004], reason: why the scene is right all the same}"
LONGEST = 500  # characters of a reason, which goes into every info file


@dataclass(frozen=True)
class Waiver:
    """scene: `{T4 id}/{revision}`, or `{T4 id}` where there is no revision. rules: ids. reason: a person's words."""

    scene: str
    rules: tuple[str, ...]
    reason: str


def read_waivers(path: Path) -> tuple[Waiver, ...]:
    """The list `waivers` of a YAML file; none where it has no such list. Raises UsageError."""
    if not path.is_file():
        raise UsageError(f"{path}: does not exist; name the file with the list waivers")
    data = read_yaml(path)
    entries = data.get("waivers") if isinstance(data, dict) else None
    if entries is not None and not isinstance(entries, list):
        raise UsageError(f"{path}: waivers is no list; {FORM}")
    waivers = tuple(_waiver(path, entry) for entry in entries or ())
    seen: set[tuple[str, str]] = set()
    for waiver in waivers:
        for rule in waiver.rules:
            if (waiver.scene, rule) in seen:
                raise UsageError(f"{path}: waivers names {rule} of the scene {waiver.scene} twice; keep one")
            seen.add((waiver.scene, rule))
    return waivers


def _waiver(path: Path, entry: Any) -> Waiver:
    if not isinstance(entry, dict) or set(entry) != {"scene", "rules", "reason"}:
        raise UsageError(f"{path}: waivers has {brief(entry)}; {FORM}")
    scene, rules, reason = entry["scene"], entry["rules"], entry["reason"]
    if not isinstance(scene, str) or not scene or not isinstance(rules, list) or not rules:
        raise UsageError(f"{path}: waivers has {brief(entry)}; {FORM}")
    if not isinstance(reason, str) or not reason.strip() or len(reason) > LONGEST:
        raise UsageError(
            f"{path}: waivers has no reason for the scene {brief(scene)}; say in a line why it is right all the same"
        )
    line = " ".join(reason.split())
    if plain(line) != line or plain(scene) != scene:
        raise UsageError(f"{path}: waivers has {brief(entry)}: a character in it cannot be seen; write plain text")
    for rule in rules:
        if not isinstance(rule, str) or rule not in RULES:
            raise UsageError(
                f"{path}: waivers has the rule {brief(rule)}, which there is not; `t4zoo t4 check --rules` lists all"
            )
    return Waiver(scene, tuple(rules), line)


def errors_of(report: SceneReport) -> dict[str, int]:
    """Rule -> how often it is broken, of those that are errors."""
    return {rule: count for rule, count in report.counts.items() if RULES[rule].severity == "error"}


def waived(report: SceneReport, waivers: Sequence[Waiver]) -> dict[str, str]:
    """Rule -> reason, of the errors of a scene that are waived."""
    reasons = {rule: waiver.reason for waiver in waivers if waiver.scene == report.scene for rule in waiver.rules}
    return {rule: reasons[rule] for rule in errors_of(report) if rule in reasons}
