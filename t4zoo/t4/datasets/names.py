"""How ids and versions are spelled: whether an id is T4's uuid, and the X and Y of a dataset_version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from t4zoo.t4.datasets.entries import Entry, Written
from t4zoo.t4.datasets.finding import Finding

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_VERSION = re.compile(r"(?P<name>.*?)[-_]?v(?P<x>0|[1-9][0-9]*)\.(?P<y>0|[1-9][0-9]*)")
_FILE = re.compile(r".*_v(?P<x>[0-9]+)")


def is_uuid(text: str) -> bool:
    """Whether an id is a uuid in lower case, as T4's folders are named."""
    return _UUID.fullmatch(text) is not None


def version_of(text: str) -> tuple[int, int] | None:
    """X and Y of a dataset_version such as `db-j6gen2-v3.0`; None where it does not end in vX.Y."""
    match = _VERSION.fullmatch(text)
    return (int(match["x"]), int(match["y"])) if match else None


def bumped(text: str) -> str:
    """The dataset_version after this one: Y raised."""
    found = version_of(text)
    if found is None:
        return f"{text}-v1.0" if text else "v1.0"
    return f"{text.rpartition('.')[0]}.{found[1] + 1}"


def check_names(written: Written) -> Iterator[Finding]:
    """Ids that are no uuid, and a dataset_version that is missing or misspelled.

    Recordings that a team labels itself may have any name: ids of lists beside pseudo scenes are not asked to be uuids.
    """
    if written.data_of is None:
        yield from map(_not_uuid, (entry for entry in written.entries if not is_uuid(entry.scene.id)))
    if not any(finding.rule in ("list-not-yaml", "list-form") for finding in written.findings):
        yield from _check_version(written)


def _not_uuid(entry: Entry) -> Finding:
    lower = entry.scene.id.lower()
    cure = f"write {lower}" if is_uuid(lower) else "see whether it was cut off or mistyped"
    return Finding("id-not-uuid", entry.where, f"the id {entry.scene.id} is no uuid", cure, (entry.dataset,))


def _check_version(written: Written) -> Iterator[Finding]:
    said, datasets = written.dataset_version, (written.name,)
    version, file = version_of(said), _FILE.fullmatch(written.name)
    x = file["x"] if file else "1"
    if not said:
        cure = f"add one, such as `dataset_version: {_stem(written.name)}-v{x}.0`"
        yield Finding("version-missing", written.where, "has no dataset_version", cure, datasets)
    elif version is None:
        cure = "write it as {name}-vX.Y, so that the next one is known to be higher"
        yield Finding("version-form", written.where, f"dataset_version is {said!r}", cure, datasets)
    elif file and version[0] != int(x):
        what = f"dataset_version is {said!r}, and the file is {written.name}.yaml"
        cure = f"write v{x}.Y, or name the file .._v{version[0]}.yaml"
        yield Finding("version-not-of-file", written.where, what, cure, datasets)


def _stem(name: str) -> str:
    return re.sub(r"_v[0-9]+$", "", name).replace("_", "-")
