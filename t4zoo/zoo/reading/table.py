"""How versions look on a screen, and as JSON for scripts."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from t4zoo.zoo.manifest import Manifest
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.storage.folder import Folder


def summary(released: Released, zoo: Folder) -> dict[str, Any]:
    """What `list --json` says of a version."""
    manifest = released.manifest
    return {
        "name": manifest.name,
        "product": manifest.product,
        "parent": manifest.parent.name or manifest.parent.file if manifest.parent else None,
        "mAP": score(manifest),
        "files": len(manifest.files),
        "size": size(manifest),
        "commit": manifest.source and manifest.source.commit,
        "time": manifest.source and manifest.source.time,
        "manifest_sha256": released.digest,
        "url": zoo.address.url_of(released.folder),
    }


def versions_table(versions: tuple[Released, ...]) -> Table:
    """`t4zoo list`."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("version", "product", "parent"):
        table.add_column(column, overflow="fold")
    for column in ("mAP", "files", "size"):
        table.add_column(column, justify="right")
    table.add_column("committed")
    for released in versions:
        manifest = released.manifest
        parent = manifest.parent.name or manifest.parent.file if manifest.parent else "-"
        mean = score(manifest)
        cells = ["-" if mean is None else f"{mean:.3f}", str(len(manifest.files)), human(size(manifest))]
        table.add_row(
            manifest.name,
            manifest.product or "-",
            parent,
            *cells,
            manifest.source.time[:10] if manifest.source else "-",
        )
    return table


def files_table(manifest: Manifest) -> Table:
    """The files of a version."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("role")
    table.add_column("size", justify="right")
    table.add_column("sha256")
    for file in manifest.files:
        table.add_row(file.path, file.role, human(file.size), f"{file.sha256[:16]}…")
    return table


def version_view(released: Released, zoo: Folder) -> RenderableType:
    """`t4zoo show`."""
    manifest = released.manifest
    source, parent, scenes = manifest.source, manifest.parent, manifest.scenes
    rows = {
        "address": zoo.address.url_of(released.folder),
        "manifest": f"sha256 {released.digest}",
        "product": manifest.product or "-",
        "parent": f"{parent.name or parent.file} ({parent.file})" if parent and parent.name else parent and parent.file,
        "commit": source and f"{source.commit[:10]} {source.subject}",
        "by": source and f"{source.committer}, {source.time}",
        "scenes": scenes and f"{len(scenes.train)} train, {len(scenes.val)} val, {len(scenes.test)} test",
        "mAP": None if score(manifest) is None else f"{score(manifest):.4f}",
    }
    if manifest.adopted:
        place = manifest.adopted.location
        rows["adopted from"] = f"{manifest.adopted.address}/{place}" if manifest.adopted.address else place
        rows["holes"] = "; ".join(manifest.adopted.holes)
    facts = Table.grid(padding=(0, 2))
    facts.add_row("version", manifest.name, style="bold")
    for name, value in rows.items():
        facts.add_row(name, str(value or "-"))
    return Group(facts, "", files_table(manifest))


def score(manifest: Manifest) -> float | None:
    """The mAP that evaluate wrote, or None."""
    value = (manifest.metrics or {}).get("mAP")
    return float(value) if isinstance(value, int | float) else None


def size(manifest: Manifest) -> int:
    """All files together, in bytes."""
    return sum(file.size for file in manifest.files)


def human(count: int) -> str:
    """Bytes in the unit that leaves one to three digits."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")
