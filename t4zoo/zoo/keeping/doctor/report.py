"""How an examination is told: a line a finding, and JSON for scripts."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from t4zoo.plain import plain
from t4zoo.zoo.keeping.doctor.examine import Examination

_SHOWN = 20  # findings of one fault on a screen


def told(found: Examination) -> str:
    """For the screen."""
    lines = []
    shown: Counter[str] = Counter()
    counts = Counter(finding.fault for finding in found.findings)
    for finding in found.findings:
        shown[finding.fault] += 1
        if shown[finding.fault] <= _SHOWN:
            lines.append(plain(f"{finding.severity}: {finding}"))
        elif shown[finding.fault] == counts[finding.fault]:
            lines.append(f"{finding.severity}: {finding.fault}: {counts[finding.fault] - _SHOWN} more; --json has all")
    grave = Counter(finding.severity for finding in found.findings)
    verdict = ", ".join(f"{grave[severity]} {severity}s" for severity in ("error", "warning") if grave[severity])
    lines.append(f"{found.versions} versions, {found.requests} requests: {verdict or 'tags, store and zoo agree'}")
    return "\n".join(lines)


def as_dict(found: Examination) -> dict[str, Any]:
    """For scripts."""
    findings = [{"severity": finding.severity, **asdict(finding)} for finding in found.findings]
    return {"versions": found.versions, "requests": found.requests, "findings": findings}
