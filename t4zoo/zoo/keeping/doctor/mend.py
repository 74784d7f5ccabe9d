"""What `t4zoo doctor --fix` does: only what cannot lose anything, or what nobody can still be at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from t4zoo.zoo import git
from t4zoo.zoo.keeping.doctor.examine import Examination
from t4zoo.zoo.storage.folder import Writable
from t4zoo.zoo.storage.uploads import Uploads

Act = tuple[str, Callable[[], object]]  # what is done, in words; and doing it


def acts(found: Examination, zoo: Callable[[], Writable], root: Path | None) -> list[Act]:
    """What would be done, in order; nothing is done yet. zoo: opens it for writing."""
    todo: list[Act] = []
    index = found.index
    if index is not None and index.whole:
        todo.append(("make the index anew from the manifests", lambda: index.do(zoo())))
    elif index is not None:
        wrong = sum(index.seen.get(name) != index.right.get(name) for name in index.seen.keys() | index.right.keys())
        todo.append((f"write {wrong} rows of the index", lambda: index.do(zoo())))
    for tag in found.tags if root else ():
        words = f"make the tag {tag.name} on {tag.commit[:10]}"
        todo.append((words, lambda tag=tag: git.create_tag(root, tag.name, tag.commit, tag.message)))  # type: ignore[misc,arg-type]
    for folder, upload in found.uploads:
        words = f"end the upload of {folder.address.url_of(upload.path)}, begun on {upload.started:%Y-%m-%d}"
        todo.append((words, lambda folder=folder, upload=upload: Uploads(folder.address).abort(upload)))  # type: ignore[misc]
    return todo
