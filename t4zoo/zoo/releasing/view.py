"""A plan for a person and for a script: what would be released, what was checked, and what it would cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from t4zoo.zoo.reading.columns import human
from t4zoo.zoo.reading.compare import waivers
from t4zoo.zoo.reading.table import files_table, size
from t4zoo.zoo.releasing.gate.leak import LeakReport
from t4zoo.zoo.releasing.gate.model import ModelReport
from t4zoo.zoo.releasing.gate.parameters import Comparison
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.releasing.refusal import Refusal, some
from t4zoo.zoo.storage.s3 import S3Folder

OVERHEAD = 5  # requests of publishing beside the copies: claim twice, list, manifest, index


def plan_view(plan: Plan, zoo: S3Folder) -> RenderableType:
    """`t4zoo release --dry-run`."""
    lines = [
        f"{plan.name} would be released to {zoo.address.url_of(plan.folder)}/",
        f"from commit {plan.commit[:10]}; manifest sha256 {plan.digest}",
    ]
    if plan.is_released:
        lines.append("it is released already, with this very manifest")
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(plan):
        facts.add_row(name, value)
    return Group(*lines, "", facts, "", files_table(plan.manifest), "", f"tag {plan.name.tag}:", plan.note.rstrip())


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    if report := plan.report:
        yield "kind", plan.manifest.kind or "-"
        yield "parent", f"{report.parent.name or report.parent.file}" if report.parent else "none: random weights"
        yield "ancestors", ", ".join(report.ancestors) or "none"
        yield "leak guard", leak_words(report.leaks)
        yield "ROS parameters", comparison_words(report, plan)
        yield "bundle", _contract_words(report)
    if scenes := plan.manifest.scenes:
        yield "scenes", f"{len(scenes.train)} train, {len(scenes.val)} val, {len(scenes.test)} test"
    if waived := waivers(plan.manifest):
        yield "waived", f"{len(waived)} errors of scenes; `t4zoo show` names each once it is released"
    if labels := plan.manifest.labels:
        yield "derived from", ", ".join(f"{raw.holder}/{raw.file} ({raw.sha256[:16]}…)" for raw in labels.raw)
        yield "thresholds", f"sha256 {labels.ensemble_sha256[:16]}…"
        yield "tracking", f"sha256 {labels.tracking_sha256[:16]}…" if labels.tracking_sha256 else "not noted"
    for product, split in (plan.manifest.products or {}).items():
        yield f"scenes of {product}", f"{len(split.train)} train, {len(split.val)} val, {len(split.test)} test"
    yield "to copy", f"{len(plan.copies)} files, {human(size(plan.manifest))}, inside S3"
    yield "requests to come", str(requests_to_come(plan))


def requests_to_come(plan: Plan) -> int:
    """What publishing will send, where nobody else publishes and no file is copied in parts."""
    return 1 if plan.is_released else len(plan.copies) + OVERHEAD


def leak_words(report: LeakReport) -> str:
    """What the leak guard looked at."""
    unknown = f"; nobody knows the training scenes of {', '.join(report.unknown)}" if report.unknown else ""
    if not report.tested:
        return f"nothing to guard: it is tested on no scene{unknown}"
    return f"none of {report.tested} test scenes was trained on by {', '.join(report.trained) or 'it'}{unknown}"


def comparison_words(report: ModelReport, plan: Plan) -> str:
    """What the node's parameters were compared with."""
    comparison: Comparison = report.parameters
    if plan.manifest.ros_parameters is None:
        return "none"
    if comparison.last is None:
        return "nothing to compare with: no older version of this X"
    if not comparison.changes:
        return f"all {comparison.count} as in {comparison.last}"
    return f"not as in {comparison.last} (0.Y may): {some([str(change) for change in comparison.changes])}"


def _contract_words(report: ModelReport) -> str:
    if report.contract is None:
        return "nothing is exported"
    return "as its node wants it" if report.contract else "not looked at"


def plan_record(plan: Plan, zoo: S3Folder) -> dict[str, Any]:
    """`t4zoo release --dry-run --json`."""
    report = plan.report
    return {
        "name": str(plan.name),
        "url": zoo.address.url_of(plan.folder),
        "commit": plan.commit,
        "manifest_sha256": plan.digest,
        "is_released": plan.is_released,
        "is_tagged": plan.is_tagged,
        "manifest": plan.manifest.model_dump(mode="json"),
        "checks": report and _checks(report),
        "tag": {"name": plan.name.tag, "message": plan.note},
        "requests_to_come": requests_to_come(plan),
        "refusals": [],
    }


def _checks(report: ModelReport) -> dict[str, Any]:
    leaks, parameters = report.leaks, report.parameters
    return {
        "parent": report.parent and report.parent.model_dump(mode="json"),
        "ancestors": list(report.ancestors),
        "leak_guard": {"tested": leaks.tested, "trained": list(leaks.trained), "unknown": list(leaks.unknown)},
        "ros_parameters": {
            "compared_with": str(parameters.last) if parameters.last else None,
            "values": parameters.count,
            "changes": [{"key": one.key, "old": one.old, "new": one.new} for one in parameters.changes],
        },
        "bundle": report.contract,
    }


def refusal_record(name: object, refusals: tuple[Refusal, ...]) -> dict[str, Any]:
    """The same for a release that is refused."""
    rows = [{"where": one.where, "what": one.what, "cure": one.cure} for one in refusals]
    return {"name": str(name), "refusals": rows}
