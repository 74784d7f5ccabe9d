"""`t4zoo adopt`, second half: the manifests are written, each once and for good, and the index learns of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from t4zoo.errors import T4zooError
from t4zoo.zoo.keeping.adopting.plan import THREADS, Adoption, Plan
from t4zoo.zoo.layout import Layout
from t4zoo.zoo.manifest import CLAIM_NAME, FILE_NAME, LIMIT, digest
from t4zoo.zoo.reading.index import Index, Row, read_index, update
from t4zoo.zoo.reading.reindex import rebuild, row_of
from t4zoo.zoo.storage.folder import Writable, read
from t4zoo.zoo.storage.s3 import FOREVER, Description


class AdoptError(T4zooError):
    """A manifest that cannot be written, or that another has written meanwhile."""


def adopt(plan: Plan, target: Writable, layout: Layout, done: Callable[[str], None] = lambda name: None) -> int:
    """Write the manifests that are new; how many there were. Safe to repeat, and safe beside a second run.

    done: hears of each version that has its manifest. Raises AdoptError where another manifest came first.
    """
    new = [adoption for adoption in plan.having("new") if adoption.manifest]

    def one(adoption: Adoption) -> None:
        _write(adoption, target)
        done(str(adoption.version.name))

    if new:
        _probe(new[0], target)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, new))
    _index(plan.having("new", "adopted"), target, layout)
    return len(new)


def _index(adoptions: list[Adoption], target: Writable, layout: Layout) -> None:
    rows = [
        row_of(adoption.manifest, digest(adoption.content), adoption.folder)
        for adoption in adoptions
        if adoption.manifest
    ]
    if not rows:
        return
    known = read_index(target)
    if known is None:
        rebuild(target, layout)  # of all that lies there: one with these rows alone would hide the rest
    else:
        update(target, lambda index: _with_new(index, rows), known)


def _with_new(index: Index, rows: list[Row]) -> Index:
    """Only what the index lacks: a row that is there may say more, as that the version was withdrawn."""
    known = {row.name for row in index.rows}
    return index.with_rows(row for row in rows if row.name not in known)


def _probe(adoption: Adoption, target: Writable) -> None:
    """A server that would overwrite is found out before the first manifest lies there."""
    path, claim, description = _claim(adoption)
    if target.create(path, claim, description) and target.create(path, claim, description):
        raise AdoptError(
            f"{target.address.url}: this server ignores If-None-Match, and would overwrite a manifest unseen"
        )


def _write(adoption: Adoption, target: Writable) -> None:
    """The claim first, as of a release, so that a manifest that is edited later betrays itself."""
    _once(target, *_claim(adoption))
    manifest = Description("application/json", adoption.digest, FOREVER)
    _once(target, f"{adoption.folder}/{FILE_NAME}", adoption.content, manifest)


def _claim(adoption: Adoption) -> tuple[str, bytes, Description]:
    claim = f"{adoption.digest}\n".encode()
    description = Description("text/plain; charset=utf-8", digest(claim), cache_control="no-store")
    return f"{adoption.folder}/{CLAIM_NAME}", claim, description


def _once(target: Writable, path: str, content: bytes, description: Description) -> None:
    if target.create(path, content, description):
        return
    if (read(target, path, LIMIT) or b"") != content:
        raise AdoptError(
            f"{target.address.url_of(path)}: is there with other bytes: of a release, or of an adoption that was "
            "stopped before these files changed; remove it if no manifest lies beside it"
        )
