"""Whether the scenes of lists are on disk, as exactly the revisions that they name, and what else is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from t4zoo.scene_files import absence_of, is_far, is_scene, revisions_of, scenes_in
from t4zoo.t4.datasets.entries import Entry, Written
from t4zoo.t4.datasets.finding import Finding

FETCH = "fetch it, or take it out of the list"


def check_present(written: Written, data_root: Path, beside: Path) -> Iterator[Finding]:
    """Findings on each scene of one list.

    beside: the folder of the list. The scenes of a list with `data_of` are there, as annotation only, and their clouds
    are in that dataset, where a recording may have no revision folder.
    """
    if written.data_of is None:
        folder = data_root / written.name
        if written.entries and not folder.is_dir():
            what = f"none of its {len(written.entries)} scenes is on disk: {folder} is not there"
            yield Finding("dataset-missing", written.where, what, "fetch the dataset", (written.name,))
            return
        for entry in written.entries:
            yield from _check(entry, folder)
        return
    for entry in written.entries:
        yield from _check(entry, beside)
        yield from _check(entry, data_root / written.data_of, recorded=True)


def _check(entry: Entry, folder: Path, recorded: bool = False) -> Iterator[Finding]:
    place, wanted = folder / entry.scene.id, entry.scene.revision
    here = revisions_of(place)
    if recorded and is_scene(place):
        return
    if wanted is None:
        yield from _check_open(entry, place, here)
    elif not is_scene(place / wanted):
        what = f"{place / wanted} {_lacks(place / wanted)}: {_told(place, here)}"
        cure = "fetch it; or write the revision that is meant, and raise the dataset_version"
        yield Finding("scene-missing", entry.where, what, cure if here else FETCH, (entry.dataset,))
    elif not recorded and (newer := [revision for revision in here if int(revision) > int(wanted)]):
        where = "at its source" if is_far(place) else "on disk"
        what = f"the list takes revision {wanted} of {entry.scene.id}, and {where} there is {newer[-1]}"
        yield Finding("revision-newer", entry.where, what, "take the newer one if it is better", (entry.dataset,))


def _check_open(entry: Entry, place: Path, here: list[str]) -> Iterator[Finding]:
    taken = place / here[-1] if here else place
    if not is_scene(taken):
        yield Finding("scene-missing", entry.where, f"{taken} {_lacks(taken)}", FETCH, (entry.dataset,))
    elif here:
        what = f"{entry.scene.id} names no revision; the highest here, {here[-1]}, is taken"
        cure = f"write {entry.scene.id}/{here[-1]}, so that it stays what it is"
        yield Finding("revision-open", entry.where, what, cure, (entry.dataset,))


def check_unlisted(data_root: Path, lists: Mapping[str, Collection[str]], everything: bool) -> Iterator[Finding]:
    """Scenes on disk that no list names. lists: the ids that are listed, by dataset.

    everything: folders of scenes that have no list are told, too.
    """
    for folder in sorted(path for path in data_root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        scenes = [path.name for path in scenes_in(folder) if is_scene_folder(path)]
        if folder.name in lists:
            for name in scenes:
                if name not in lists[folder.name]:
                    what, cure = "no list names this scene", "add it to a list, or remove it"
                    yield Finding("scene-unlisted", str(folder / name), what, cure, (folder.name,))
        elif everything and scenes:
            what = f"has {len(scenes)} scene{'s' if len(scenes) > 1 else ''}, and no list"
            yield Finding(
                "dataset-unlisted", str(folder), what, f"write {folder.name}.yaml, or remove it", (folder.name,)
            )


def is_scene_folder(folder: Path) -> bool:
    """Whether a folder holds a scene, or revisions of one."""
    return is_scene(folder) or any(is_scene(folder / revision) for revision in revisions_of(folder))


def _lacks(folder: Path) -> str:
    return "has no folder annotation" if folder.is_dir() else "is not there"


def _told(place: Path, here: list[str]) -> str:
    if absent := absence_of(place):
        return absent if is_far(place) else "the scene is not here at all"
    if not here:
        return "the scene has no revision folders here"
    return f"the revision{'s' if len(here) > 1 else ''} here: {', '.join(here)}"
