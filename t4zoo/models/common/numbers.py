"""What a number of conf/algorithm/ may be: with another, torch would fail in the middle, or nothing be learnt."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from t4zoo.errors import UsageError


def is_count(value: Any) -> bool:
    """Whether it is a whole number of at least 1."""
    return _is_whole(value) and value >= 1


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


Rule = tuple[str, Callable[[Any], bool]]  # what to give, and whether a value is that

_COUNT: Rule = ("a whole number of at least 1", is_count)
_COUNT_OR_NONE: Rule = ("a whole number of at least 0", lambda value: _is_whole(value) and value >= 0)
_POSITIVE: Rule = ("a number above 0", lambda value: _is_number(value) and value > 0)
_NOT_NEGATIVE: Rule = ("a number of at least 0", lambda value: _is_number(value) and value >= 0)
_BETWEEN: Rule = ("a number between 0 and 1", lambda value: _is_number(value) and 0 < value < 1)
_CHANCE: Rule = ("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
_LESS_THAN_ALL: Rule = ("a number from 0 to less than 1", lambda value: _is_number(value) and 0 <= value < 1)

# By a key, or by the group that it stands in; a key with its group goes before a key alone.
RULES: dict[str, Rule] = {
    **dict.fromkeys(("channels", "out_channels", "shared_channels", "branch_channels", "feedforward"), _COUNT),
    **dict.fromkeys(("heads", "queries", "max_boxes", "max_points", "strides"), _COUNT),
    **dict.fromkeys(("per_frame", "epochs", "most", "min_points"), _COUNT),
    **dict.fromkeys(("layers", "min_radius", "reach", "max_sweeps"), _COUNT_OR_NONE),
    **dict.fromkeys(("eps", "neck.strides"), _POSITIVE),
    **dict.fromkeys(("costs", "loss_weights", "score_threshold", "nms_distance", "rotation"), _NOT_NEGATIVE),
    **dict.fromkeys(("momentum", "min_overlap"), _BETWEEN),
    **dict.fromkeys(("flip_x", "flip_y", "half_turn", "threshold"), _CHANCE),
    "scale": _LESS_THAN_ALL,
}


def check_numbers(where: str, group: Mapping[str, Any]) -> None:
    """Raise UsageError for a value below `where`, however deep, that its rule does not take."""
    for place, value in _leaves(group, where):
        keys = re.sub(r"\[\d+\]", "", place).split(".")
        rule = next((RULES[key] for key in (".".join(keys[-2:]), *reversed(keys)) if key in RULES), None)
        if rule and not rule[1](value):
            raise UsageError(f"{place} is {value}; give {rule[0]}")


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Each value that is no group and no list, with where it stands."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{place}[{i}]")
    else:
        yield place, value


def check_network(network: Mapping[str, Any]) -> None:
    """Raise UsageError for numbers of one of our networks that are none, or that are too few or too many."""
    check_numbers("algorithm.network", network)
    for part in ("encoder", "backbone", "neck"):
        lists = {name: values for name, values in _group(network, part).items() if isinstance(values, list | tuple)}
        steps = lists.pop("strides") if part == "encoder" and "strides" in lists else None
        counts = {name: len(values) for name, values in lists.items()}
        if len({*counts.values()}) > 1 or 0 in counts.values():
            told = ", ".join(f"{count} {name}" for name, count in counts.items())
            raise UsageError(f"algorithm.network.{part} has {told}; give one of each for every stage")
        if steps is not None and list(map(_length, steps)) != [3] * (counts.get("channels", 0) - 1):
            raise UsageError(f"algorithm.network.{part}.strides: give z, y and x between each stage and the next")
    if _length(network["neck"].get("channels")) != _length(network["backbone"].get("channels")):
        raise UsageError("algorithm.network.neck has no level for each stage of the backbone; give as many of each")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list | tuple) else 0


def _group(network: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    group = network.get(name)
    if not isinstance(group, Mapping):
        raise UsageError(f"algorithm.network.{name} is {group}; give a group of settings")
    return group
