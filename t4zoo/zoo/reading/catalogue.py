"""What is in the zoo, by its manifests: one version, or the names of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from t4zoo.errors import T4zooError
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.manifest import FENCE, FILE_NAME, LIMIT, Manifest, ManifestError, digest, parse_manifest
from t4zoo.zoo.storage.folder import Folder, read
from t4zoo.zoo.version import Name, order


class NotReleasedError(T4zooError):
    """A version that the zoo does not have."""


@dataclass(frozen=True)
class Released:
    """A version as the zoo has it. folder: below the zoo's address. digest: sha256 of the manifest's bytes."""

    name: Name
    folder: str
    manifest: Manifest
    content: bytes
    digest: str


def find(zoo: Folder, folder: str, name: Name | None = None) -> Released | None:
    """The version in a folder of the zoo, in one request; None where no manifest lies there.

    Raises ManifestError when it is broken, or says that it is another version than `name`.
    """
    path = f"{folder}/{FILE_NAME}" if folder else FILE_NAME
    content = read(zoo, path, LIMIT)
    if content is None or content == FENCE:
        return None
    where = zoo.address.url_of(path)
    manifest = parse_manifest(content, where)
    if name is not None and manifest.version != name:
        raise ManifestError(f"{where}: says that it is {manifest.name}, but lies in the folder of {name}")
    return Released(manifest.version, folder, manifest, content, digest(content))


def get(zoo: Folder, layout: Layout, name: Name) -> Released:
    """The version of that name; raises NotReleasedError where the zoo has none."""
    folder = layout.folder(name)
    found = find(zoo, folder, name)
    if found is None:
        raise NotReleasedError(f"{name} is not in the zoo: there is no {zoo.address.url_of(f'{folder}/{FILE_NAME}')}")
    return found


def names(zoo: Folder, layout: Layout, series: str = "") -> list[Name]:
    """What has a manifest, in order; of one series (`CenterPoint/t4base`) or of all. A request a thousand objects."""
    roots = [layout.series_root(series)] if series else layout.roots()
    prefixes = {f"{root}/" if root else "" for root in roots}
    found = {name for prefix in sorted(prefixes) for name in _names(layout, (e.path for e in zoo.list(prefix)))}
    return sorted((name for name in found if not series or name.series == series), key=order)


def _names(layout: Layout, paths: Iterable[str]) -> Iterator[Name]:
    for path in paths:
        folder, _, file = path.rpartition("/")
        name = layout.name_of(folder) if file == FILE_NAME else None
        if name is not None:
            yield name
