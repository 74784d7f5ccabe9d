"""What a label may be, whatever its score: how far away, how large, with how many points, in whose place."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from t4zoo.errors import UsageError

ALL = "all"  # in the place of a class: every class that is not named
SIZES = ("length", "width", "height")
MEASURES = ("iou", "smaller")

T = TypeVar("T")
Limits = tuple[float, float]  # least and most, both allowed


@dataclass(frozen=True)
class Duplicates:
    """Of two boxes of different label groups that share more than `above`, the weaker is dropped.

    measure: what the shared area, seen from above, is divided by: `iou`, both boxes' union; `smaller`, the smaller box.
    """

    measure: Literal["iou", "smaller"]
    above: float


@dataclass(frozen=True)
class Filters:
    """Each by class or `all`; what is not named is not filtered.

    range: horizontal distance from the ego's origin [m]. size: limits of `length`, `width` and `height` [m].
    points: the least number of lidar points inside. duplicates: None to keep them.
    """

    range: dict[str, Limits] = field(default_factory=dict)
    size: dict[str, dict[str, Limits]] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    duplicates: Duplicates | None = None


def read_filters(data: Mapping[str, Any] | None, where: str, classes: Collection[str]) -> Filters:
    """The `filters` of an ensemble file; each of them may be null. classes: those that may be named.

    Raises UsageError naming the file, the key and the value.
    """
    data = _mapping(data, f"{where}: filters", ("range", "size", "points", "duplicates"))
    at = {name: f"{where}: filters.{name}" for name in ("range", "size", "points", "duplicates")}
    return Filters(
        range=_by_class(data.get("range"), at["range"], classes, _limits),
        size=_by_class(data.get("size"), at["size"], classes, _sizes),
        points=_by_class(data.get("points"), at["points"], classes, _points),
        duplicates=_duplicates(data.get("duplicates"), at["duplicates"]),
    )


def _mapping(data: Any, at: str, keys: Collection[str]) -> Mapping[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise UsageError(f"{at} is {data!r}, not a mapping with the keys {', '.join(keys)}; null turns it off")
    if unknown := [str(key) for key in data if key not in keys]:
        raise UsageError(f"{at} has no key {unknown[0]}, but {', '.join(keys)}")
    return data


def _by_class(data: Any, at: str, classes: Collection[str], read: Callable[[Any, str], T]) -> dict[str, T]:
    known = (ALL, *classes)
    if isinstance(data, Mapping) and (unknown := [str(name) for name in data if name not in known]):
        raise UsageError(f"{at} names {unknown[0]}, which no model's thresholds do; they have {', '.join(classes)}")
    return {str(name): read(value, f"{at}.{name}") for name, value in _mapping(data, at, known).items()}


def _limits(value: Any, at: str) -> Limits:
    numbers = value if isinstance(value, list | tuple) else ()
    if len(numbers) != 2 or not all(map(_is_number, numbers)) or not 0 <= numbers[0] <= numbers[1]:
        raise UsageError(f"{at} is {value!r}, not [least, most] with 0 <= least <= most; .inf is no limit")
    return float(numbers[0]), float(numbers[1])


def _sizes(value: Any, at: str) -> dict[str, Limits]:
    return {name: _limits(limits, f"{at}.{name}") for name, limits in _mapping(value, at, SIZES).items()}


def _points(value: Any, at: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(f"{at} is {value!r}, not a number of points")
    return value


def _duplicates(data: Any, at: str) -> Duplicates | None:
    if data is None:
        return None
    data = _mapping(data, at, ("measure", "above"))
    measure, above = data.get("measure"), data.get("above")
    if measure not in MEASURES:
        raise UsageError(f"{at}.measure is {measure!r}, neither iou nor smaller")
    if not _is_number(above) or not 0 <= above <= 1:
        raise UsageError(f"{at}.above is {above!r}, not a number within 0 and 1")
    return Duplicates("iou" if measure == "iou" else "smaller", float(above))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
