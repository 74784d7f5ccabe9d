"""Before info files are made of scenes: those with errors are refused, unless a person has waived the rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.errors import T4zooError
from t4zoo.t4.check.cache import Cache
from t4zoo.t4.check.many import check_scenes
from t4zoo.t4.check.report import SceneReport
from t4zoo.t4.check.rules import RULES, Selection
from t4zoo.t4.check.waivers import Waiver, errors_of, waived

TOLD = 20  # scenes that a refusal names


class RefusedScenesError(T4zooError):
    """Scenes with errors that nobody has waived; the message names each with its rules."""


@dataclass(frozen=True)
class Gate:
    """Which rules are held against scenes, which of them not against which scene, and where results are kept."""

    wanted: Selection
    waivers: tuple[Waiver, ...] = ()
    cache: Cache | None = None
    workers: int = 1

    def hold(self, scenes: Iterable[tuple[Path, Path]]) -> dict[str, Any]:
        """What `metainfo` is to say of waivers: `{}`, or `{"waivers": [{scene, rule, times, reason}]}`.

        scenes: the folder of each one's tables, and that of its files. Raises RefusedScenesError.
        """
        files = dict(scenes)
        reports = check_scenes(sorted(files), self.wanted, self.cache, self.workers, files=files)
        refused = [report for report in reports if errors_of(report).keys() - waived(report, self.waivers)]
        if refused:
            raise RefusedScenesError(self._refusal(refused))
        told = [
            {"scene": report.scene, "rule": rule, "times": report.counts[rule], "reason": reason}
            for report in reports
            for rule, reason in sorted(waived(report, self.waivers).items())
        ]
        told.sort(key=lambda one: (one["scene"], one["rule"]))
        return {"waivers": told} if told else {}

    def _refusal(self, refused: list[SceneReport]) -> str:
        lines = []
        for report in refused[:TOLD]:
            open_ = sorted(errors_of(report).keys() - waived(report, self.waivers))
            first = next(finding for finding in report.findings if finding.rule == open_[0])
            rules = ", ".join(f"{rule} ({report.counts[rule]} times)" for rule in open_)
            place = " ".join(part for part in (first.table, first.token) if part)
            lines.append(f"\n  {report.path}: {rules}; as {place}: {RULES[first.rule].what}: {first.value}")
        more = f"\n  and {len(refused) - TOLD} more" if len(refused) > TOLD else ""
        return (
            f"scenes with errors: {len(refused)}; `t4zoo t4 check` with their folders tells all. Mend a scene, take it "
            "out of its dataset list, or say in params.yaml's waivers why it is right all the same"
            + "".join(lines)
            + more
        )
