"""How an adoption looks on a screen, and as JSON for scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from t4zoo.plain import plain
from t4zoo.zoo.keeping.adopting.plan import Adoption, Plan
from t4zoo.zoo.reading.columns import human

SHOWN = 30  # of each list of what is not adopted; --json has all


def as_json(plan: Plan) -> dict[str, Any]:
    """Everything that the plan says."""
    return {
        "versions": [_version(adoption) for adoption in plan.adoptions],
        "left_out": [asdict(item) for item in plan.left_out],
        "equal_bytes": [asdict(twins) for twins in plan.twins],
        "unread_bytes": plan.unread,
    }


def view(plan: Plan, written: int | None) -> RenderableType:
    """For the screen. written: how many manifests were written; None of a dry run."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("version", "files lie in"):
        table.add_column(column, overflow="fold")
    for column in ("files", "size"):
        table.add_column(column, justify="right")
    for column in ("state", "holes"):
        table.add_column(column, overflow="fold")
    for adoption in plan.adoptions:
        files = adoption.version.files
        table.add_row(
            str(adoption.version.name),
            plain(adoption.version.folder),
            str(len(files)),
            human(sum(file.size for file in files)),
            _state(adoption, written),
            "; ".join(plain(hole.text) for hole in adoption.holes) or "-",
        )
    parts: list[RenderableType] = [table] if plan.adoptions else []
    parts += _list("Equal bytes under two versions:", [str(twins) for twins in plan.twins])
    left_out = [f"{item.where}{_count(item.files)}: {item.why}" for item in plan.left_out]
    parts += _list("Not adopted:", left_out)
    return Group(*parts, "", _last_line(plan, written))


def _version(adoption: Adoption) -> dict[str, Any]:
    return {
        "name": str(adoption.version.name),
        "location": adoption.version.folder,
        "spelling": adoption.version.spelling,
        "state": adoption.state,
        "why": adoption.why or None,
        "files": len(adoption.version.files),
        "size": sum(file.size for file in adoption.version.files),
        "manifest": f"{adoption.folder}/manifest.json",
        "manifest_sha256": adoption.digest if adoption.manifest else None,
        "holes": [asdict(hole) for hole in adoption.holes],
    }


def _state(adoption: Adoption, written: int | None) -> str:
    match adoption.state:
        case "new":
            return "would be adopted" if written is None else "adopted"
        case "adopted":
            return "already adopted"
        case "released":
            return "a release"
        case "refused":
            return f"refused: {plain(adoption.why)}"


def _list(title: str, lines: list[str]) -> list[RenderableType]:
    if not lines:
        return []
    more = [f"  and {len(lines) - SHOWN} more; --json names them"] if len(lines) > SHOWN else []
    return ["", title, *(f"  {plain(line)}" for line in lines[:SHOWN]), *more]


def _count(files: int) -> str:
    return f" ({files} files)" if files > 1 else ""


def _last_line(plan: Plan, written: int | None) -> str:
    holes = sum(len(adoption.holes) for adoption in plan.adoptions)
    told = f"{len(plan.adoptions)} versions with {holes} holes; {len(plan.left_out)} folders or files not adopted"
    if written is None:
        unread = f"; {human(plan.unread)} are still to be read" if plan.unread else ""
        return f"{told}{unread}. Nothing was written."
    return f"{told}. {written} manifests were written, and nothing was moved."
