"""What the zoo knows of a candidate's family: other versions of its series, and its ancestors; each is read once."""

from __future__ import annotations

from t4zoo.errors import T4zooError
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.manifest import FILE_NAME, Weights, digest, parse_manifest
from t4zoo.zoo.reading import cache, catalogue
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.reading.index import Index
from t4zoo.zoo.reading.notice import read_notice
from t4zoo.zoo.releasing.refusal import Refusal
from t4zoo.zoo.storage.folder import Folder
from t4zoo.zoo.version import ModelVersion, Name, Version, parse_model, parse_name


class Family:
    """Versions of one zoo. Its index saves requests where there is one; without it the zoo is listed."""

    def __init__(self, zoo: Folder, layout: Layout, index: Index | None = None) -> None:
        """index: None, or empty and without a tag, where the zoo has none that can be read."""
        self.zoo = zoo
        self._layout = layout
        self._index = index if index and index.etag else None
        self._listed: dict[str, list[Name]] = {}
        self._read: dict[Name, Released] = {}

    @property
    def is_indexed(self) -> bool:
        """Whether `names` costs no request."""
        return self._index is not None

    def names(self, series: str) -> list[Name]:
        """All versions of `CenterPoint/t4base` or of `info`, oldest first; of the index, which may be late."""
        if self._index is None:
            return self.listed(series)
        names = [parse_name(row.name) for row in self._index.rows]
        return [name for name in names if name.series == series]

    def listed(self, series: str) -> list[Name]:
        """The same by a listing."""
        if series not in self._listed:
            self._listed[series] = catalogue.names(self.zoo, self._layout, series)
        return self._listed[series]

    def versions(self, series: str) -> list[Version]:
        """The same, without the series."""
        return [name.version for name in self.names(series) if isinstance(name, ModelVersion)]

    def get(self, name: Name) -> Released:
        """One of them; raises NotReleasedError or ManifestError."""
        if name not in self._read:
            self._read[name] = self._kept(name) or catalogue.get(self.zoo, self._layout, name)
            cache.keep(self._read[name].content, FILE_NAME)
        return self._read[name]

    def at(self, folder: str) -> Released | None:
        """The version in a folder of the zoo, None where there is none."""
        return catalogue.find(self.zoo, folder)

    def yanked(self, released: Released) -> str | None:
        """Why nobody should use this version any more, or None. Raises T4zooError for a notice that is none."""
        row = self._index.get(released.name) if self._index else None
        if row is not None and row.manifest == released.digest:
            return row.reason if row.state == "yanked" else None
        notice = read_notice(self.zoo, released.folder, released.name, released.digest)
        return notice.reason if notice and notice.state == "yanked" else None

    def _kept(self, name: Name) -> Released | None:
        """From this machine's cache, where the index says which manifest it is."""
        row = self._index.get(name) if self._index else None
        kept = cache.find(row.manifest, FILE_NAME) if row else None
        if row is None or kept is None:
            return None
        content = kept.read_bytes()
        manifest = parse_manifest(content, str(kept))
        return Released(name, row.folder, manifest, content, digest(content)) if manifest.name == str(name) else None


def find_ancestors(parent: Weights | None, family: Family) -> tuple[tuple[Released, ...], list[Refusal]]:
    """The released parent, its parent and so on, as far as the zoo knows them; and why one cannot be built upon."""
    found: list[Released] = []
    refusals: list[Refusal] = []
    while parent is not None and parent.name is not None:
        where = f"ancestor {parent.name}"
        try:
            released = family.get(parse_model(parent.name))
            reason = family.yanked(released)
        except T4zooError as error:
            refusals.append(Refusal(where, str(error), "`t4zoo doctor` says what is wrong with it"))
            break
        if released.digest != parent.manifest:
            child = found[-1].name if found else "this release"
            what = f"{child} was made from its manifest {parent.manifest}, and the zoo has {released.digest}"
            refusals.append(Refusal(where, what, "a version never changes: `t4zoo doctor` says what happened"))
            break
        if reason is not None:
            refusals.append(Refusal(where, f"is yanked: {reason}", "train again from a version that stands"))
        found.append(released)
        parent = released.manifest.parent
    return tuple(found), refusals
