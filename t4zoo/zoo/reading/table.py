"""How one version looks on a screen."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from t4zoo.zoo.manifest import Labels, Manifest, Scenes
from t4zoo.zoo.reading.columns import human
from t4zoo.zoo.reading.compare import flatten
from t4zoo.zoo.reading.locate import Located
from t4zoo.zoo.reading.reindex import kind_of, score

SHOWN = ("class_names", "point_cloud_range", "voxel_size")  # of the ROS node's parameters
TOLD = 20  # waivers of one set of scenes that are shown


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


def version_view(located: Located, line: Sequence[str] = ()) -> RenderableType:
    """`t4zoo show`. line: the names from the version up to its root, where they are known."""
    manifest = located.released.manifest
    facts = Table.grid(padding=(0, 2))
    facts.add_row("version", manifest.name, style="bold")
    for name, value in {**_origin(located, line), **_content(manifest)}.items():
        if value:
            facts.add_row(name, value)
    return Group(facts, "", files_table(manifest))


def _origin(located: Located, line: Sequence[str]) -> dict[str, str | None]:
    released, manifest = located.released, located.released.manifest
    source, parent, adopted = manifest.source, manifest.parent, manifest.adopted
    return {
        "notice": str(located.notice) if located.notice else None,
        "address": located.source.address.url_of(released.folder),
        "manifest": f"sha256 {released.digest}",
        "kind": kind_of(manifest),
        "product": manifest.product,
        "parent": f"{parent.name or 'no version'} ({parent.file})" if parent else None,
        "lineage": " <- ".join(line) if len(line) > 2 else None,
        "commit": f"{source.commit[:10]} {source.subject}" if source else None,
        "by": f"{source.committer}, {source.time}" if source else None,
        "adopted": f"from {adopted.location}; lacks {', '.join(adopted.holes) or 'nothing'}" if adopted else None,
    }


def _content(manifest: Manifest) -> dict[str, str | None]:
    labels, mean = manifest.labels, score(manifest)
    products = {f"scenes of {name}": _splits(scenes) for name, scenes in (manifest.products or {}).items()}
    waived = {f"waived in {name}": _waivers(scenes) for name, scenes in (manifest.products or {}).items()}
    return {
        "scenes": _splits(manifest.scenes) if manifest.scenes else None,
        **products,
        "waived": _waivers(manifest.scenes) if manifest.scenes else None,
        **waived,
        "models": ", ".join(labels.models) if labels else None,
        "labelled": f"{len(labels.scenes)} scenes; {_settings(labels)}" if labels else None,
        "mAP": None if mean is None else f"{mean:.4f}",
        "node reads": _node(manifest),
    }


def _settings(labels: Labels) -> str:
    tracking = f", tracking sha256 {labels.tracking_sha256[:16]}…" if labels.tracking_sha256 else ""
    return f"ensemble sha256 {labels.ensemble_sha256[:16]}…{tracking}"


def _splits(scenes: Scenes) -> str:
    return f"{len(scenes.train)} train, {len(scenes.val)} val, {len(scenes.test)} test"


def _waivers(scenes: Scenes) -> str:
    """The errors that a person let pass, a line each."""
    lines = [f"{one.rule} of {one.scene}, {one.times} times: {' '.join(one.reason.split())}" for one in scenes.waivers]
    more = [f"and {len(lines) - TOLD} more, which --json has"] if len(lines) > TOLD else []
    return "\n".join((*lines[:TOLD], *more))


def _node(manifest: Manifest) -> str | None:
    """What the ROS node reads, in a line: how much, and what decides which other parts fit to it."""
    values = dict(flatten(manifest.ros_parameters or {}))
    if not values:
        return None
    named = {key[-1]: value for key, value in values.items() if key[-1] in SHOWN}
    return ", ".join(
        [f"{len(values)} parameters", *(f"{key} {json.dumps(named[key])}" for key in SHOWN if key in named)]
    )


def size(manifest: Manifest) -> int:
    """All files together, in bytes."""
    return sum(file.size for file in manifest.files)
