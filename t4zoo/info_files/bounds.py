"""A stranger's pickle can say in 100 bytes what takes terabytes when it is gone through: lists of the same lists."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST_VALUES = 1_000_000  # of a frame, or of the metainfo; AWML's largest frames hold some ten thousand
MOST_LEVELS = 32

_CONTAINERS = (dict, list, tuple, set, frozenset, np.ndarray)


def bounded(value: Any) -> Any:
    """The value, if it can be gone through. Raises ValueError where it is endless, too large or too deep."""
    level, count = [value], 0
    for _ in range(MOST_LEVELS):
        below: list[Any] = []
        for item in level:
            members = _members(item)
            count += len(members)
            if count > MOST_VALUES:
                raise ValueError(f"more than {MOST_VALUES:,} values in one place")
            below.extend(member for member in members if isinstance(member, _CONTAINERS))
        if not below:
            return value
        level = below
    raise ValueError(f"values that are nested more than {MOST_LEVELS} deep")


def _members(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item.values(), *(key for key in item if not isinstance(key, str))]
    if isinstance(item, np.ndarray):
        if item.size > MOST_VALUES:
            raise ValueError(f"an array of {item.size:,} values")
        return item.ravel().tolist() if item.dtype.hasobject else [None] * item.size
    return list(item) if isinstance(item, _CONTAINERS) and len(item) <= MOST_VALUES else [None] * _length(item)


def _length(item: Any) -> int:
    return len(item) if isinstance(item, _CONTAINERS) else 1
