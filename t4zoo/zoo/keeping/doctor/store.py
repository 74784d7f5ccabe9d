"""Does the store still have, whole, what the released versions were copied from?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from t4zoo.zoo.keeping.doctor.finding import Finding
from t4zoo.zoo.keeping.stored import Stored
from t4zoo.zoo.keeping.survey import Survey
from t4zoo.zoo.releasing.refusal import some
from t4zoo.zoo.storage.folder import Entry

THREADS = 8
_PUSH = "remove it, then `dvc push` from a clone whose cache has it"


def check_store(survey: Survey, store: Stored, plain: bool) -> Iterator[Finding]:
    """Objects that are missing or have other bytes, by the listing. plain: whether entity tags here are md5."""
    for released in survey.released():
        if released.manifest.adopted is None:
            gone = [file.path for file in released.manifest.files if file.md5 not in store.objects]
            if gone:
                cure = f"`git checkout {released.name.tag}` and `dvc push`; the zoo's own copies are not touched"
                yield Finding("store-missing", str(released.name), f"the store lacks {some(gone)}", cure)
    sizes = {file.md5: file.size for released in survey.released() for file in released.manifest.files}
    for md5, entry in sorted(store.objects.items()):
        size, is_whole = sizes.get(md5), "-" not in entry.etag
        if size is not None and size != entry.size:
            yield _drifted(store, entry, f"must have {size} bytes, has {entry.size}")
        elif plain and is_whole and entry.etag and entry.etag != md5.removesuffix(".dir"):
            yield _drifted(store, entry, f"has md5 {entry.etag}")


def check_parts(store: Stored, done: Callable[[int], None]) -> list[Finding]:
    """Read the objects of which the listing proves nothing, since they were stored in parts. done: hears of bytes."""
    waiting = [(md5, entry) for md5, entry in sorted(store.objects.items()) if "-" in entry.etag]

    def one(item: tuple[str, Entry]) -> Finding | None:
        md5, entry = item
        found = hashlib.md5(usedforsecurity=False)
        with store.folder.open(entry.path) as body:
            for chunk in body.chunks if body else ():
                found.update(chunk)
                done(len(chunk))
        same = found.hexdigest() == md5.removesuffix(".dir")
        return None if same else _drifted(store, entry, f"has md5 {found.hexdigest()}")

    with ThreadPoolExecutor(THREADS) as pool:
        return [finding for finding in pool.map(one, waiting) if finding]


def _drifted(store: Stored, entry: Entry, what: str) -> Finding:
    return Finding("store-drifted", store.folder.address.url_of(entry.path), what, _PUSH)
