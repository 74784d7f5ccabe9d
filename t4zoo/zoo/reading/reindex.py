"""From manifests and notices to the rows of the index: for one version, and anew for the whole zoo."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from t4zoo.zoo.layout import Layout
from t4zoo.zoo.manifest import FILE_NAME, NOTICE_NAME, Labels, Manifest, ManifestError, Weights
from t4zoo.zoo.reading.catalogue import NotReleasedError, get
from t4zoo.zoo.reading.index import LONGEST, Index, Row, ZooIndexError, read_index, update, write
from t4zoo.zoo.reading.notice import Notice, NoticeError, read_notice
from t4zoo.zoo.storage.folder import Folder, Writable
from t4zoo.zoo.version import AUTO_LABEL, INFO, AutoLabelSet, InfoVersion, Name, order

THREADS = 8
UNCLEAR = "unclear"  # the state of a version whose notice cannot be read

OnName = Callable[[str], None]


@dataclass(frozen=True)
class Scan:
    """All versions as rows, in order; and a line for each manifest or notice that cannot be read."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]


def row_of(manifest: Manifest, digest: str, folder: str, notice: Notice | None = None) -> Row:
    """The row of a version. digest: of its manifest. folder: below the zoo's address."""
    source = manifest.source
    return Row(
        name=manifest.name,
        kind=kind_of(manifest),
        product=manifest.product and manifest.product[:LONGEST],
        parents=parents_of(manifest),
        score=score(manifest),
        files=len(manifest.files),
        size=sum(file.size for file in manifest.files),
        commit=source.commit if source else None,
        time=source.time[:LONGEST] if source else None,
        manifest=digest,
        state=notice.state if notice else "active",
        reason=notice.reason if notice and notice.state != "active" else None,
        folder=folder,
    )


def kind_of(manifest: Manifest) -> str | None:
    """A model's kind; `info` or `auto_label` of the rest."""
    name = manifest.version
    return INFO if isinstance(name, InfoVersion) else AUTO_LABEL if isinstance(name, AutoLabelSet) else manifest.kind


def parents_of(manifest: Manifest) -> list[str]:
    """What it was made from: versions by name, the rest by URL. Of auto-labels: the models, and who has their boxes."""
    made_from = [_named(manifest.parent)] if manifest.parent else []
    made_from += _of_labels(manifest.labels) if manifest.labels else []
    return [parent[:LONGEST] for parent in dict.fromkeys(made_from) if parent != manifest.name]


def score(manifest: Manifest) -> float | None:
    """The mAP that evaluate wrote, or None."""
    value = (manifest.metrics or {}).get("mAP")
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def scan(zoo: Folder, layout: Layout, done: OnName = lambda name: None) -> Scan:
    """Read every manifest and notice. done: hears of each version that was read."""
    noticed = _listed(zoo, layout)
    wanted = sorted(noticed, key=order)
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda name: _try(zoo, layout, name, noticed[name], done), wanted))
    rows = tuple(row for row, _ in answers if row)
    return Scan(rows, tuple(problem for _, problem in answers if problem))


def rebuild(zoo: Writable, layout: Layout, done: OnName = lambda name: None) -> Scan:
    """Make the index anew. What others add to it while the manifests are read stays."""
    before = _readable(zoo)
    found = scan(zoo, layout, done)
    old = {row.name: row for row in before.rows}
    rows = {row.name: row for row in found.rows}

    def merge(now: Index) -> Index:
        news = {row.name: row for row in now.rows if old.get(row.name) != row}
        return Index.of({**rows, **news}.values(), now.etag)

    if not write(zoo, merge(before)):
        update(zoo, merge)
    return found


def _readable(zoo: Folder) -> Index:
    try:
        return read_index(zoo) or Index(())
    except ZooIndexError as error:
        return Index((), error.etag)


def _named(weights: Weights) -> str:
    return weights.name or weights.file


def _of_labels(labels: Labels) -> list[str]:
    return [name for raw in labels.raw for name in (_named(raw.model), raw.holder)]


def _listed(zoo: Folder, layout: Layout) -> dict[Name, bool]:
    """What has a manifest, and whether it has a notice. A request a thousand objects."""
    manifests: set[Name] = set()
    notices: set[Name] = set()
    for root in layout.roots():
        for entry in zoo.list(f"{root}/" if root else ""):
            folder, _, file = entry.path.rpartition("/")
            name = layout.name_of(folder) if file in (FILE_NAME, NOTICE_NAME) else None
            if name is not None:
                (manifests if file == FILE_NAME else notices).add(name)
    return {name: name in notices for name in manifests}


def _try(zoo: Folder, layout: Layout, name: Name, noticed: bool, done: OnName) -> tuple[Row | None, str | None]:
    try:
        found = get(zoo, layout, name)
    except NotReleasedError:
        return None, None  # it is being abandoned
    except ManifestError as error:
        return None, str(error)
    done(str(name))
    row = row_of(found.manifest, found.digest, found.folder)
    try:
        notice = read_notice(zoo, found.folder, name, found.digest) if noticed else None
    except NoticeError as error:
        return row._replace(state=UNCLEAR, reason="its notice cannot be read"), str(error)
    return row_of(found.manifest, found.digest, found.folder, notice), None
