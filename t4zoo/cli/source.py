"""Commands for datasets whose scenes stay in a bucket: where they are, and what has changed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from t4zoo.cli.common import Json, stop_for
from t4zoo.cli.dataset import repository
from t4zoo.plain import plain
from t4zoo.screen import print_json, print_lines, progress

if TYPE_CHECKING:
    from t4zoo.far_scenes.looking import Changes, Listing

_SHOWN = 5  # files of a changed scene, and scenes of one kind, that a person sees; --json has all


def add_to(group: typer.Typer) -> None:
    """Make them commands of `t4zoo dataset`."""
    group.command()(source)
    group.command()(refresh)


def source(
    url: Annotated[str, typer.Argument(metavar="URL", help="s3://bucket/prefix that holds {T4 id}/{revision}/.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The dataset, as its list is called.")],
) -> None:
    """Let a dataset's scenes stay in a bucket: write source.yaml and the inventory in the place of its scenes.

    Tables are then fetched when they are read, and clouds when a training or prediction wants them, into a cache of
    T4ZOO_SCENES_GIB (50) GiB. Credentials come from AWS_* variables, ~/.aws or .dvc/config.local, as everywhere.
    """
    from t4zoo.errors import UsageError
    from t4zoo.far_scenes.looking import begin
    from t4zoo.t4.dataset_list import parse_scene_id

    if parse_scene_id(name).revision is not None:
        raise UsageError(f"--name {name}: give the name of a dataset, as of its list conf/dataset/{{name}}.yaml")
    folder = _data_root() / name
    with progress(f"listing {plain(url)}", unit="objects") as advance:
        listing = begin(folder, url, advance)
    print_lines(map(plain, (*_left_out(listing), f"wrote {folder}: {len(listing.scenes):,} scenes are in {url}")))


def refresh(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Datasets. Default: all whose scenes are in a bucket.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what has changed, and write nothing.")] = False,
    accept_changed: Annotated[
        bool, typer.Option("--accept-changed", help="Take scenes over that were published again in place, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask the bucket again: which scenes came, were withdrawn, or have a new revision; then write the new inventory.

    A scene that changed under its revision is an error: nothing of its dataset is written, and the exit code is 1.
    """
    from t4zoo.far_scenes.looking import look_again, take_over

    root, told, failed = _data_root(), {}, False
    for name in _chosen(root, names or ()):
        with progress(f"listing {name}", unit="objects") as advance:
            listing, changes = look_again(root / name, advance)
        refused = bool(changes.changed) and not accept_changed
        failed |= refused
        written = bool(changes) and not dry_run and not refused
        if written:
            take_over(root / name, listing)
        told[name] = _as_dict(listing, changes, _listed(name), written)
    if as_json:
        print_json({"datasets": told})
    else:
        print_lines(plain(line) for name, one in told.items() for line in _lines(name, one))
    stop_for([], failed=failed)


def _data_root() -> Path:
    from t4zoo.t4.datasets.places import read_places
    from t4zoo.t4.datasets.tree import WorkingTree

    root = repository()
    return root / read_places(WorkingTree(root)).data_root


def _chosen(data_root: Path, names: Sequence[str]) -> list[str]:
    from t4zoo.errors import UsageError
    from t4zoo.scene_files import INVENTORY

    there = sorted(path.parent.name for path in data_root.glob(f"*/{INVENTORY}"))
    if unknown := sorted(set(names) - set(there)) or (not there and ["nothing to refresh"]):
        known = " ".join(there) or "none; `t4zoo dataset source URL --name NAME` makes one"
        raise UsageError(f"{' '.join(unknown)}: datasets whose scenes are in a bucket: {known}")
    return sorted(set(names)) or there


def _listed(name: str) -> dict[str, dict[str, list[str]]]:
    """Scene's id -> revision, or "" -> the lists that name it so."""
    from t4zoo.t4.datasets.moment import Moment
    from t4zoo.t4.datasets.tree import WorkingTree

    tree = WorkingTree(repository())
    found: dict[str, dict[str, list[str]]] = {}
    for written in Moment(tree, tree).lists.values():
        for entry in written.entries if name in (written.name, written.data_of) else ():
            found.setdefault(entry.scene.id, {}).setdefault(entry.scene.revision or "", []).append(entry.where)
    return found


def _as_dict(
    listing: Listing, changes: Changes, listed: Mapping[str, Mapping[str, Sequence[str]]], written: bool
) -> dict[str, Any]:
    def row(scene: str) -> dict[str, Any]:
        lists = listed.get(scene.partition("/")[0], {})
        return {"scene": scene, "listed": {revision: list(where) for revision, where in sorted(lists.items())}}

    return {
        "scenes": len(listing.scenes),
        "new": list(changes.new),
        "new_revisions": [row(scene) for scene in changes.revised],
        "withdrawn": [row(scene) for scene in changes.withdrawn],
        "changed": [{**row(scene), "files": list(files)} for scene, files in changes.changed.items()],
        "incomplete": list(listing.incomplete),
        "strangers": listing.strangers,
        "written": written,
    }


def _lines(name: str, told: Mapping[str, Any]) -> Iterator[str]:
    for one in told["changed"]:
        files = ", ".join(one["files"][:_SHOWN]) + (", ..." if len(one["files"]) > _SHOWN else "")
        what = f"{one['scene']} changed under its revision ({len(one['files'])} files: {files})"
        cure = "have it published as a new revision, or take it over with --accept-changed and make the info files anew"
        yield f"error: {name}: {what}{_where(one)}; {cure}"
    for one in told["withdrawn"]:
        yield f"warning: {name}: {one['scene']} was withdrawn{_where(one)}"
    for one in told["new_revisions"]:
        yield f"warning: {name}: {one['scene']} is a new revision{_where(one)}"
    if new := told["new"]:
        yield f"{name}: {len(new):,} new scenes: {', '.join(new[:_SHOWN])}{', ...' if len(new) > _SHOWN else ''}"
    for scene in told["incomplete"]:
        yield f"note: {name}: {scene} has no annotation/ yet, and is left out"
    same = not (told["changed"] or told["withdrawn"] or told["new_revisions"] or told["new"])
    done = "nothing has changed" if same else "wrote the inventory" if told["written"] else "nothing is written"
    yield f"{name}: {told['scenes']:,} scenes; {done}"


def _where(one: Mapping[str, Any]) -> str:
    """Which lists name the scene, and as which revision."""
    named = [
        f"{' and '.join(where)} {'names revision ' + revision if revision else 'names no revision'}"
        for revision, where in one["listed"].items()
    ]
    return f"; {', '.join(named)}" if named else ""


def _left_out(listing: Listing) -> Iterator[str]:
    for scene in listing.incomplete:
        yield f"note: {scene} has no annotation/ yet, and is left out"
    if listing.strangers:
        one = listing.strangers == 1
        yield f"note: {listing.strangers:,} {'object belongs' if one else 'objects belong'} to no scene"
