"""What descends from a scene that was withdrawn: by scene lists, weights and labels, as far as manifests tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from t4zoo.errors import UsageError, in_one_line
from t4zoo.zoo.manifest import Labels, Manifest, Scenes
from t4zoo.zoo.version import Name, order

Reach = Literal["learned", "chosen", "scored"]

# What a split of a list is for, the gravest first: weights learned from it, were chosen by it, were only judged by it.
REACHES: tuple[Reach, ...] = ("learned", "chosen", "scored")
MEANING: dict[Reach, str] = {
    "learned": "learned from it",
    "chosen": "chosen by it, among checkpoints (val)",
    "scored": "judged by it alone (test): the score is affected, the weights are not; evaluate again",
}
SPLITS: dict[str, Reach] = {"train": "learned", "val": "chosen", "test": "scored"}


class RevokeError(UsageError):
    """A text that names no scene."""


@dataclass(frozen=True)
class Descendant:
    """A version that the scene reached. why: how, the gravest way: a split, or the version that it came through."""

    name: Name
    reach: Reach
    why: str


@dataclass(frozen=True)
class Descent:
    """descendants: the gravest first. silent: versions that name no scenes, of which nothing can be said.

    unknown: withdrawn scenes that no manifest names.
    """

    descendants: tuple[Descendant, ...]
    silent: tuple[Name, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Withdrawn:
    """Scenes as they were named: `{T4 dataset id}` with all its revisions, or one `{T4 dataset id}/{revision}`."""

    named: frozenset[str]

    @staticmethod
    def of(texts: Iterable[str]) -> Withdrawn:
        """Raises RevokeError for a text that is no scene's."""
        named = frozenset(texts)
        for text in sorted(named):
            parts = text.split("/")
            if len(parts) > 2 or not all(parts) or any(c.isspace() for c in text):
                raise RevokeError(f"{text!r} names no scene; write its T4 dataset id, or id/revision")
        return Withdrawn(named)

    def among(self, scenes: Iterable[str]) -> list[str]:
        """Those of `scenes` that were withdrawn."""
        return [scene for scene in scenes if scene in self.named or scene.partition("/")[0] in self.named]

    def unknown(self, scenes: Iterable[str]) -> list[str]:
        """Those withdrawn that are none of `scenes`."""
        known = {part for scene in scenes for part in (scene, scene.partition("/")[0])}
        return sorted(self.named - known)


def descent(manifests: Iterable[Manifest], withdrawn: Withdrawn) -> Descent:
    """All versions that the scenes reached, directly or through weights and labels."""
    known = {manifest.name: manifest for manifest in manifests}
    ways = {name: list(_direct(manifest, withdrawn)) for name, manifest in known.items()}
    makers: dict[str, Reach] = {}  # sets of auto-labels that were predicted by weights which the scene reached
    changed = True
    while changed:
        changed = False
        for name, manifest in known.items():
            for passed in _through(manifest, ways, makers, known):
                if all(REACHES.index(passed[0]) < REACHES.index(other[0]) for other in ways[name]):
                    ways[name].append(passed)
                    changed = True
            predicted = _worst(_of_makers(manifest.labels, ways)) if manifest.labels else None
            if predicted and makers.get(name) != predicted[0]:
                makers[name] = predicted[0]
                changed = True
    found = [Descendant(known[name].version, *way) for name, reached in ways.items() if (way := _worst(reached))]
    found.sort(key=lambda one: (REACHES.index(one.reach), order(one.name)))
    silent = [manifest.version for name, manifest in known.items() if not ways[name] and _is_silent(manifest)]
    listed = (scene for manifest in known.values() for scene in _every(manifest))
    return Descent(tuple(found), tuple(sorted(silent, key=order)), tuple(withdrawn.unknown(listed)))


Way = tuple[Reach, str]


def _worst(ways: Iterable[Way]) -> Way | None:
    return min(ways, key=lambda way: REACHES.index(way[0]), default=None)


def _direct(manifest: Manifest, withdrawn: Withdrawn) -> Iterator[Way]:
    lists = {"": manifest.scenes} if manifest.scenes else {}
    lists |= {f" of {product}": scenes for product, scenes in (manifest.products or {}).items()}
    for of, scenes in lists.items():
        for split, reach in SPLITS.items():
            if hit := withdrawn.among(getattr(scenes, split)):
                yield reach, f"{', '.join(hit)} in {split}{of}"
    if manifest.labels and (hit := withdrawn.among(manifest.labels.scenes)):
        yield "learned", f"labels {', '.join(hit)}"


def _through(
    manifest: Manifest, ways: dict[str, list[Way]], makers: dict[str, Reach], known: dict[str, Manifest]
) -> Iterator[Way]:
    """By the parent, by the models that predicted, or by labels that it was trained on. A score is not inherited."""
    if manifest.parent and manifest.parent.name:
        inherited = _worst(ways.get(manifest.parent.name, ()))
        if inherited and inherited[0] != "scored":
            yield inherited[0], f"its parent {manifest.parent.name}"
    if manifest.labels:
        yield from _of_makers(manifest.labels, ways)
    for labels, reach in makers.items():
        said = known[labels].labels
        for split in ("train", "val"):
            if said and set(said.scenes) & set(_listed(manifest, split)):
                yield _milder(reach, SPLITS[split]), f"labels of {labels} in {split}"


def _of_makers(labels: Labels, ways: dict[str, list[Way]]) -> Iterator[Way]:
    for raw in labels.raw:
        reached = _worst(ways.get(raw.model.name or "", ()))
        if reached and reached[0] != "scored":
            yield reached[0], f"predicted by {raw.model.name}"


def _milder(one: Reach, other: Reach) -> Reach:
    return max(one, other, key=REACHES.index)


def _listed(manifest: Manifest, split: str) -> Iterator[str]:
    every: list[Scenes] = [*([manifest.scenes] if manifest.scenes else []), *(manifest.products or {}).values()]
    for scenes in every:
        yield from getattr(scenes, split)


def _every(manifest: Manifest) -> Iterator[str]:
    for split in SPLITS:
        yield from _listed(manifest, split)
    yield from manifest.labels.scenes if manifest.labels else ()


def _is_silent(manifest: Manifest) -> bool:
    return manifest.scenes is None and manifest.products is None and manifest.labels is None


def datasets(repository: Path, withdrawn: Withdrawn) -> list[tuple[str, str]]:
    """The lists in conf/dataset/ that still name such a scene: path, and the splits. Raises RevokeError."""
    found = []
    for path in sorted((repository / "conf" / "dataset").glob("*.yaml")):
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise RevokeError(f"{path}: not YAML: {in_one_line(error)}") from error
        lists = data if isinstance(data, dict) else {}
        if splits := [split for split in SPLITS if withdrawn.among(map(str, lists.get(split) or ()))]:
            found.append((path.relative_to(repository).as_posix(), ", ".join(splits)))
    return found
