"""Which version comes next: from what is released, from the parent, and from what has changed; nothing of any zoo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from t4zoo.zoo.lineage import SAME_XY, plain
from t4zoo.zoo.manifest import Kind
from t4zoo.zoo.version import ModelVersion, Version

FIRST = Version(1, 0, 0)

Differs = Callable[[Version], bool]  # whether what the ROS node reads differs from that version's


@dataclass(frozen=True)
class Bump:
    """version: None where there can be none yet; `why` then says what has to happen first."""

    version: Version | None
    why: str


def next_version(kind: Kind, own: Sequence[Version], parent: ModelVersion | None, differs: Differs) -> Bump:
    """The next `vX.Y.Z` of a model. own: its released versions. parent: None for random weights or a plain URL."""
    released = sorted(version for version in own if version == plain(version))
    if kind in SAME_XY:
        return _beside_parent(kind, released, parent, differs)
    if not released:
        return Bump(FIRST, f"the first version of a {kind}")
    last = released[-1]
    if kind == "base" and last.x > 0 and differs(last):
        return Bump(Version(last.x + 1, 0, 0), f"X+1: what the ROS node reads is not as in {last}")
    more = " (0.Y may change anything)" if last.x == 0 else ""
    return Bump(Version(last.x, last.y + 1, 0), f"Y+1: other data, training or parent than {last}{more}")


def _beside_parent(kind: Kind, released: Sequence[Version], parent: ModelVersion | None, differs: Differs) -> Bump:
    if parent is None:
        return Bump(None, f"a {kind} has a parent, and shares its X.Y; name it in params.yaml and train from it")
    x, y = parent.version.x, parent.version.y
    same = [version for version in released if (version.x, version.y) == (x, y)]
    version = Version(x, y, same[-1].z + 1 if same else 0)
    older = [other for other in released if other.x == x and other < version]
    if x > 0 and older and differs(older[-1]):
        what = f"what the ROS node reads is not as in {older[-1]}, so X has to be {x + 1}, and X is that of {parent}"
        return Bump(None, f"{what}; release a base v{x + 1}.0.0 first, and train from it")
    why = f"Z+1: {same[-1]} shares the X.Y of its parent" if same else "X.Y is that of its parent"
    return Bump(version, f"{why} {parent}")


def overtaken(kind: Kind, version: Version, own: Sequence[Version]) -> Version | None:
    """A released version that this one would come behind, in its own line: its X.Y, or else its X, or else all.

    None where it comes last there, as a version should; older lines may go on beside newer ones, and an X.Y that is
    the parent's is nobody's choice. own: of its series.
    """
    released = sorted(other for other in own if other == plain(other))
    if version != plain(version) or version in released:
        return None
    same_y = [other for other in released if (other.x, other.y) == (version.x, version.y)]
    if not same_y and kind in SAME_XY:
        return None
    line = same_y or [other for other in released if other.x == version.x] or released
    return line[-1] if line and line[-1] > version else None


def next_project(series: str, project: str, own: Sequence[Version], parent: ModelVersion | None) -> Bump:
    """The next `vX.Y.Z-{project}.n`, which starts from vX.Y.Z of the same model or from an earlier n."""
    if parent is None or parent.series != series or parent.version.release:
        said = f"its parent is {parent or 'none'}"
        return Bump(None, f"{said}; a project starts from a version of {series}: name that in conf/parents/")
    start = plain(parent.version)
    if parent.version.project not in (None, project):
        return Bump(None, f"its parent {parent} is of another project; start from {series}@{start}")
    earlier = [version.n or 0 for version in own if plain(version) == start and version.project == project]
    n = max([*earlier, parent.version.n or 0], default=0) + 1
    return Bump(Version(start.x, start.y, start.z, project, n), f"n+1 of {project}'s own beside {start}")


def next_release(kind: Kind, own: Sequence[Version], parent: ModelVersion | None) -> Bump:
    """The next `vX.Y.Z-release`, which stands beside vX.Y.Z and starts where that started."""
    if kind not in SAME_XY:
        return Bump(None, f"a {kind} has no -release: whatever starts from it would have seen its test scenes")
    if parent is None:
        return Bump(None, f"a {kind} has a parent; name it in params.yaml and train from it")
    x, y = parent.version.x, parent.version.y
    beside = sorted(version for version in own if version == plain(version) and (version.x, version.y) == (x, y))
    if not beside:
        return Bump(None, f"a -release stands beside a version with a score; release v{x}.{y}.0 first")
    last = beside[-1]
    version = Version(last.x, last.y, last.z, release=True)
    if version in own:
        return Bump(None, f"{version} is released; release v{x}.{y}.{last.z + 1} first")
    return Bump(version, f"beside {last}, from its parent {parent}, trained on train, val and test")
