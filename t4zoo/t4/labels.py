"""How raw T4 categories become the classes of a product, as `conf/labels/` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from t4zoo.errors import UsageError

IGNORED = -1
MERGE_TYPES = ("extend_longer",)


class LabelsError(UsageError):
    """A label map that cannot be understood."""


@dataclass(frozen=True)
class Merge:
    """Boxes of the classes `first` and `second` that belong together become one box of the class `target`."""

    target: str
    first: str
    second: str


@dataclass(frozen=True)
class LabelMap:
    """Raw category -> class -> index in `class_names`.

    merges: none where boxes stay as they are. merge_distance: between the middles of two ends [m].
    filters: pairs (raw category, attribute) that are ignored.
    """

    class_names: tuple[str, ...]
    names: Mapping[str, str]
    merges: tuple[Merge, ...] = ()
    merge_distance: float = 0.0
    filters: frozenset[tuple[str, str]] = frozenset()

    def class_of(self, category: str) -> str:
        """The class of a raw category; a category that the map does not know is a class of its own."""
        return self.names.get(category, category)

    def label_of(self, name: str, category: str, attributes: Iterable[str]) -> int:
        """The index of class `name`, or IGNORED where the product has no such class or an attribute filters it out."""
        if name not in self.class_names or any((category, attribute) in self.filters for attribute in attributes):
            return IGNORED
        return self.class_names.index(name)


def read_labels(settings: Mapping[str, Any], class_names: Sequence[str]) -> LabelMap:
    """The label map that `settings`, a file of `conf/labels/`, describes for a product. Raises LabelsError."""
    try:
        names = {str(raw): str(name) for raw, name in settings["name_mapping"].items()}
        merge_type = settings["merge_type"]
        merges = tuple(Merge(str(target), *map(str, pair)) for target, pair in settings["merge_objects"])
        filters = frozenset((str(category), str(attribute)) for category, attribute in settings["filter_attributes"])
        distance = float(settings["merge_distance"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LabelsError(f"conf/labels/{settings.get('name', '?')}.yaml: missing or malformed: {error!r}") from None
    if merge_type is not None and merge_type not in MERGE_TYPES:
        raise LabelsError(f"merge_type {merge_type!r} is not known; choose {' or '.join(MERGE_TYPES)} or null")
    if twice := sorted({name for name in class_names if list(class_names).count(name) > 1}):
        raise LabelsError(f"the product's class_names have {', '.join(twice)} twice; the second could never be learnt")
    lost = sorted(set(class_names) - set(names.values()))
    if lost:
        raise LabelsError(f"no raw category becomes {', '.join(lost)}; mend name_mapping or the product's class_names")
    return LabelMap(tuple(class_names), names, merges if merge_type else (), distance, filters)
