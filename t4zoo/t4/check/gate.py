"""Before info files are made of scenes: those with errors are refused, unless a person has waived the rule."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.errors import T4zooError
from t4zoo.spread import Engine
from t4zoo.t4.check.cache import Cache
from t4zoo.t4.check.many import Begin, check_scenes, in_silence
from t4zoo.t4.check.report import SceneReport
from t4zoo.t4.check.rules import Selection, selection
from t4zoo.t4.check.waivers import Waiver, errors_of, read_waivers, waived

TOLD = 20  # scenes that a refusal names


class RefusedScenesError(T4zooError):
    """Scenes with errors that nobody has waived; the message names each with its rules."""


def gate_of(check: Sequence[str], waivers: str, cache: Path | None, workers: int | Engine) -> Gate | None:
    """The gate that a configuration describes; None where it holds no rules against scenes.

    check: families or ids of rules. waivers: the file with the list, "" for none. cache: a folder for results.
    """
    if not check:
        return None
    told = read_waivers(Path(waivers)) if waivers else ()
    return Gate(selection(check), told, None if cache is None else Cache(cache / "check"), workers)


@dataclass(frozen=True)
class Gate:
    """Which rules are held against scenes, which of them not against which scene, and where results are kept."""

    wanted: Selection
    waivers: tuple[Waiver, ...] = ()
    cache: Cache | None = None
    workers: int | Engine = 1

    def hold(self, scenes: Iterable[tuple[Path, Path]], begin: Begin = in_silence) -> dict[str, Any]:
        """What `metainfo` is to say of waivers: `{}`, or `{"waivers": [{scene, rule, times, reason}]}`.

        scenes: the folder of each one's tables, and that of its files. Raises RefusedScenesError.
        """
        files = dict(scenes)
        with begin("checking", len(files)) as advance:
            reports = check_scenes(sorted(files), self.wanted, self.cache, self.workers, advance, files)
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
        lines = [self._told(report) for report in refused[:TOLD]]
        if len(refused) > TOLD:
            lines.append(f"and {len(refused) - TOLD} more")
        told = f"scene {lines[0]}" if len(lines) == 1 else "\n  ".join([f"{len(refused)} scenes have errors:", *lines])
        return f"{told}; mend or fetch it, take it out of its list, or say in params.yaml's waivers why it is right"

    def _told(self, report: SceneReport) -> str:
        rules = sorted(errors_of(report).keys() - waived(report, self.waivers))
        first = next(finding for finding in report.findings if finding.rule == rules[0])
        counted = ", ".join(f"{rule} ({report.counts[rule]} times)" for rule in rules)
        line = first.line().removeprefix("error ")
        return f"{report.scene}: {counted}, as {line}; `t4zoo t4 check {shlex.quote(report.path)}` tells all"
