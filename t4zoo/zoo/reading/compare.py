"""Two versions side by side: what is another figure, parameter, scene, file or package in the second."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from t4zoo.zoo.manifest import Manifest, ManifestFile

Key = tuple[str, ...]

LINES = 10_000  # of a config that is compared line by line


@dataclass(frozen=True)
class Change:
    """A value that is not the same in both; None where one has none."""

    key: Key
    a: Any
    b: Any


@dataclass(frozen=True)
class Figure:
    """One number of both scores; None where one has none. difference: b - a."""

    key: Key
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        """How much more b is."""
        return None if self.a is None or self.b is None else self.b - self.a


@dataclass(frozen=True)
class SceneChanges:
    """Of one split, by T4 dataset id. annotated: id, its revisions in a, and those in b. same: how many are equal."""

    split: str
    same: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    annotated: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class FileChange:
    """A file that is not the same in both; None where one has none."""

    path: str
    a: ManifestFile | None
    b: ManifestFile | None


@dataclass(frozen=True)
class Comparison:
    """Of two manifests. same_files: how many are equal. same_config: None where neither has one.

    labelling: what of the ensemble and the tracking that made labels is not the same. waivers: what was let pass of the
    scenes of only one of them, or otherwise.
    """

    a: Manifest
    b: Manifest
    figures: tuple[Figure, ...]
    scenes: tuple[SceneChanges, ...]
    waivers: tuple[Change, ...]
    parameters: tuple[Change, ...]
    labelling: tuple[Change, ...]
    files: tuple[FileChange, ...]
    same_files: int
    packages: tuple[Change, ...]
    same_config: bool | None


def compare(a: Manifest, b: Manifest) -> Comparison:
    """All that two manifests tell; no file is read."""
    before, after = ({file.path: file for file in one.files} for one in (a, b))
    paths = sorted(before.keys() | after.keys())
    files = [FileChange(path, before.get(path), after.get(path)) for path in paths]
    changed = [one for one in files if not (one.a and one.b and one.a.sha256 == one.b.sha256)]
    return Comparison(
        a=a,
        b=b,
        figures=figures(a.metrics or {}, b.metrics or {}),
        scenes=scenes(splits(a), splits(b)),
        waivers=changes(waivers(a), waivers(b)),
        parameters=changes(a.ros_parameters or {}, b.ros_parameters or {}),
        labelling=changes(labelling(a), labelling(b)),
        files=tuple(changed),
        same_files=len(files) - len(changed),
        packages=changes(a.packages, b.packages),
        same_config=a.config == b.config if a.config or b.config else None,
    )


def figures(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Figure, ...]:
    """Every number of both scores, in the order of the first: by band, class and name."""
    before, after = ({key: value for key, value in flatten(one) if _is_number(value)} for one in (a, b))
    return tuple(Figure(key, before.get(key), after.get(key)) for key in {**before, **after})


def changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every value that is not the same in both, by key."""
    before, after = dict(flatten(a)), dict(flatten(b))
    keys = sorted(before.keys() | after.keys())
    found = (Change(key, before.get(key), after.get(key)) for key in keys)
    return tuple(one for one in found if one.a != one.b or (one.key in before) != (one.key in after))


def scenes(a: Mapping[str, Iterable[str]], b: Mapping[str, Iterable[str]]) -> tuple[SceneChanges, ...]:
    """By split, of scenes `{T4 dataset id}/{revision}`: another revision of a scene is the scene annotated anew."""
    return tuple(_split(name, a.get(name, ()), b.get(name, ())) for name in {**a, **b})


def splits(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    """The scenes of a version by split: of a model, of each product of an info version, or that were labelled."""
    found = {"labelled": manifest.labels.scenes} if manifest.labels else {}
    for head, one in (("", manifest.scenes), *((f"{name} ", one) for name, one in (manifest.products or {}).items())):
        if one:
            found |= {f"{head}train": one.train, f"{head}val": one.val, f"{head}test": one.test}
    return found


def waivers(manifest: Manifest) -> dict[str, str]:
    """What was let pass of the scenes of a version: product, scene and rule -> how often, and why."""
    sets = {"": manifest.scenes, **{f"{name} ": one for name, one in (manifest.products or {}).items()}}
    return {
        f"{head}{one.scene} {one.rule}": f"{one.times} times, {one.reason}"
        for head, found in sets.items()
        for one in (found.waivers if found else ())
    }


def labelling(manifest: Manifest) -> dict[str, Any]:
    """How raw predictions became the labels of a version, as far as it says so."""
    labels = manifest.labels
    settings = {"ensemble": labels.ensemble, "tracking": labels.tracking} if labels else {}
    return {name: data for name, data in settings.items() if data}


def flatten(data: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    """Every value by the path of its keys. An element of a list of mappings is known by its name or its range."""
    ahead: list[tuple[Key, Any]] = [((), data)] if data else []
    while ahead:
        key, value = ahead.pop()
        if isinstance(value, Mapping) and value:
            ahead += [((*key, str(name)), item) for name, item in reversed(list(value.items()))]
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            ahead += [((*key, _label(item, place)), item) for place, item in reversed(list(enumerate(value)))]
        else:
            yield key, value


def unified(a: str, b: str, names: tuple[str, str]) -> list[str]:
    """Two texts as `diff -u` shows them; nothing where they are equal."""
    before, after = a.splitlines(), b.splitlines()
    if max(len(before), len(after)) > LINES:
        return [f"(differs; too long to compare line by line: {len(before)} and {len(after)} lines)"]
    return list(difflib.unified_diff(before, after, names[0], names[1], lineterm=""))


def _label(item: Mapping[str, Any], place: int) -> str:
    band = item.get("range_m")
    if isinstance(band, list) and len(band) == 2 and all(map(_is_number, band)):
        return f"{band[0]:g}-{band[1]:g} m"
    return str(item.get("name", place))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _split(name: str, a: Iterable[str], b: Iterable[str]) -> SceneChanges:
    before, after = _revisions(a), _revisions(b)
    both = sorted(before.keys() & after.keys())
    return SceneChanges(
        split=name,
        same=sum(before[scene] == after[scene] for scene in both),
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        annotated=tuple((one, before[one], after[one]) for one in both if before[one] != after[one]),
    )


def _revisions(scenes: Iterable[str]) -> dict[str, str]:
    """T4 dataset id -> its revisions, joined where it stands with more than one."""
    found: dict[str, set[str]] = {}
    for scene in scenes:
        head, _, revision = scene.rpartition("/")
        found.setdefault(head or scene, set()).add(revision if head else "")
    return {scene: ", ".join(sorted(revisions)) for scene, revisions in found.items()}
