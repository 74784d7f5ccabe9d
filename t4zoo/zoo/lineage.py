"""Who may be whose parent: the rules of a family of models, and nothing of any zoo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from t4zoo.zoo.manifest import Kind
from t4zoo.zoo.version import ModelVersion, Version

PARENTS: dict[Kind, tuple[Kind, ...]] = {
    "public": (),
    "pretrain": ("public",),
    "base": ("pretrain",),
    "product": ("base",),
    "variant": ("product",),
}
FROM_SCRATCH: tuple[Kind, ...] = ("public", "pretrain", "base")
FROM_A_URL: tuple[Kind, ...] = ("public", "pretrain")  # from weights that no release describes
SAME_XY: tuple[Kind, ...] = ("product", "variant")  # share X.Y with their parent
PROJECTS: tuple[Kind, ...] = ("base", "product", "variant")
RELEASES: tuple[Kind, ...] = ("product", "variant")


@dataclass(frozen=True)
class Member:
    """A version of a model. kind: None where nobody knows it, as of a version that was filled by hand."""

    name: ModelVersion
    kind: Kind | None


@dataclass(frozen=True)
class Breach:
    """A rule that is broken, with the value, and what would keep it."""

    what: str
    cure: str


def breaches(child: Member, parent: Member | str | None) -> list[Breach]:
    """Every rule that this child of this parent breaks. parent: None for random weights, a text for mere weights.

    The child's kind is known. Of a parent whose kind is not, what its name says is judged.
    """
    return [*_of_child(child), *_of_parent(child, parent)]


def _of_child(child: Member) -> Iterator[Breach]:
    version = child.name.version
    if version.project is not None and child.kind not in PROJECTS:
        yield Breach(f"a {child.kind} has no projects", f"release it as {plain(version)}")
    if version.release and child.kind not in RELEASES:
        what = f"a {child.kind} has no -release: whatever starts from it would have seen its test scenes"
        yield Breach(what, f"only a {_or(RELEASES)} has one")


def _of_parent(child: Member, parent: Member | str | None) -> Iterator[Breach]:
    wanted = _wanted(child)
    if parent is None:
        if child.kind not in FROM_SCRATCH or child.name.version.project is not None:
            yield Breach("its parent is none: it started from random weights", f"start from {wanted}")
        return
    if isinstance(parent, str):
        if child.kind not in FROM_A_URL:
            what = f"its parent is {parent}, weights of which nobody knows the training scenes"
            yield Breach(what, f"start from {wanted}; release those weights as public, and make a pretrain of them")
        return
    version = parent.name.version
    if version.release:
        yield Breach(f"its parent is {parent.name}, which was trained on its test scenes", f"start from {wanted}")
    if parent.name.algorithm != child.name.algorithm:
        yield Breach(f"its parent {parent.name} is of another algorithm than {child.name}", f"start from {wanted}")
    if child.name.version.project is not None:
        if not _may_start_project(child.name, parent.name):
            yield Breach(f"its parent is {parent.name}", f"start from {wanted}")
    elif not version.release:
        yield from _of_kind(child, parent, wanted)


def _of_kind(child: Member, parent: Member, wanted: str) -> Iterator[Breach]:
    if child.kind is None:
        return
    ours, theirs = child.name.version, parent.name.version
    if parent.kind is not None and parent.kind not in PARENTS[child.kind]:
        yield Breach(f"is a {child.kind}, and its parent {parent.name} is a {parent.kind}", f"start from {wanted}")
    elif theirs.project is not None:
        yield Breach(f"its parent is {parent.name}, a project's own", f"start from {wanted}")
    elif child.kind in SAME_XY and (ours.x, ours.y) != (theirs.x, theirs.y):
        what = f"{ours} has another X.Y than its parent {parent.name}"
        yield Breach(what, f"release it as v{theirs.x}.{theirs.y}.z, or start from {wanted}")


def _may_start_project(child: ModelVersion, parent: ModelVersion) -> bool:
    """From the version that it is a project of, or from an earlier one of the same project."""
    ours, theirs = child.version, parent.version
    if child.series != parent.series or plain(ours) != plain(theirs) or theirs.release:
        return False
    return theirs.project is None or (theirs.project == ours.project and (theirs.n or 0) < (ours.n or 0))


def plain(version: Version) -> Version:
    """The version without its suffix."""
    return Version(version.x, version.y, version.z)


def _wanted(child: Member) -> str:
    """What it may start from, in words."""
    version = child.name.version
    if version.project is not None:
        return f"{child.name.series}@{plain(version)}, or an earlier {plain(version)}-{version.project}.n"
    kinds = PARENTS[child.kind] if child.kind else ()
    words = [f"a {kind}" + (f" v{version.x}.{version.y}.z" if child.kind in SAME_XY else "") for kind in kinds]
    words += ["weights by URL"] if child.kind in FROM_A_URL else []
    return _or([*words, *(["conf/parents/scratch.yaml"] if child.kind in FROM_SCRATCH else [])])


def _or(words: tuple[str, ...] | list[str]) -> str:
    return " or ".join(words)
