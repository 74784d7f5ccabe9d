"""What reproducing a version showed, output by output; and how it looks on a screen and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table

Verdict = Literal["same bytes", "different", "cannot", "same metrics", "other metrics", "other bytes"]

_DIFFERENT: tuple[Verdict, ...] = ("different", "other metrics")
SAME, DIFFERENT, CANNOT = 0, 1, 2  # exit codes


@dataclass(frozen=True)
class Outcome:
    """One output of one stage. files: how many were compared. details: a line for each difference, or the reason.

    `other bytes`: of a training, which is judged by its metrics.
    """

    stage: str
    output: str
    files: int
    verdict: Verdict
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """packages: that are others here than they were. not_rerun: stages that made the version too. kept: the folder."""

    name: str
    commit: str
    packages: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    not_rerun: tuple[str, ...]
    tolerance: float | None
    kept: str | None

    @property
    def exit_code(self) -> int:
        """SAME only if all that was asked for was run, and is the same."""
        verdicts = {outcome.verdict for outcome in self.outcomes}
        if verdicts.intersection(_DIFFERENT):
            return DIFFERENT
        return CANNOT if "cannot" in verdicts or not verdicts else SAME


def as_json(report: Report) -> dict[str, Any]:
    """Everything that it says."""
    return {**asdict(report), "result": ("same", "different", "cannot")[report.exit_code]}


def view(report: Report) -> RenderableType:
    """For the screen."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("stage", "output"):
        table.add_column(column, overflow="fold")
    table.add_column("files", justify="right")
    table.add_column("result", overflow="fold")
    for outcome in report.outcomes:
        first = f": {outcome.details[0]}" if outcome.details else ""
        more = f" (and {len(outcome.details) - 1} more)" if len(outcome.details) > 1 else ""
        table.add_row(outcome.stage, outcome.output, str(outcome.files or "-"), outcome.verdict + first + more)
    parts: list[RenderableType] = [f"{report.name} at commit {report.commit[:10]}"]
    if report.packages:
        parts += ["Packages differ from those it was released with:", *(f"  {line}" for line in report.packages)]
    parts += ["", table, ""]
    if report.tolerance is not None:
        parts.append(f"trainings are compared by their mAP, which may differ by {report.tolerance:g}")
    if report.not_rerun:
        parts.append(f"not run again: {', '.join(report.not_rerun)}")
    if report.kept:
        parts.append(f"left to look at: {report.kept}")
    trained = "" if report.tolerance is None else ", and its training is as good as it was"
    told = (f"the same, byte for byte{trained}", "DIFFERENT from what was released", "not proven: a stage did not run")
    return Group(*parts, f"{report.name} is {told[report.exit_code]}")
