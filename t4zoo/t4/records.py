"""One row of a T4 table as its dataclass, with every value checked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, TypeVar

from t4zoo.t4.tables import AutolabelMetadata

R = TypeVar("R")

MOST_WHOLE = 2**53  # below it a float is as exact; microseconds until the year 2255
MOST_NUMBER = 1e12  # of any unit: what is computed from such numbers stays finite
LEAST_LENGTH = 1e-9  # of a quaternion, as in t4zoo.geometry


class RowError(ValueError):
    """A field of a row that is missing or has a value that T4 does not allow; the message says which."""


def parse(kind: type[R], row: Any) -> R:
    """`row`, a JSON object, as `kind`, a dataclass of tables.py; keys that it does not know are left out."""
    if not isinstance(row, dict):
        raise RowError(f"is {shown(row)}, not an object")
    values = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        optional = field.default is not dataclasses.MISSING
        if field.name not in row or (optional and row[field.name] is None):
            if not optional:
                raise RowError(f"has no field {field.name!r}")
            continue
        try:
            values[field.name] = CONVERTERS[str(field.type)](row[field.name])
        except (TypeError, ValueError, OverflowError) as error:
            raise RowError(f"field {field.name!r} is {shown(row[field.name])}: {error}") from None
    return kind(**values)


def shown(value: Any) -> str:
    """The value in an error message."""
    try:
        text = repr(value)
    except RecursionError:
        return "nested too deeply"
    return text if len(text) <= 80 else text[:77] + "..."


def _text(value: Any) -> str:
    if value is None:  # some writers say "none" so, T4 says ""
        return ""
    if not isinstance(value, str):
        raise ValueError("it must be text")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError("it must be a whole number")
    if not -MOST_WHOLE < value < MOST_WHOLE:
        raise ValueError("it must be a whole number below 2**53")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST_NUMBER <= value <= MOST_NUMBER:
        raise ValueError(f"it must be a finite number, {MOST_NUMBER:.0e} at most")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it must be true or false")
    return value


def _list(item: Callable[[Any], Any], length: int | None = None) -> Callable[[Any], tuple[Any, ...]]:
    def convert(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or (length is not None and len(value) != length):
            raise ValueError("it must be a list" + (f" of {length}" if length is not None else ""))
        return tuple(item(entry) for entry in value)

    return convert


def _known(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A list of numbers that some writers fill with null or NaN where the whole is unknown."""

    def or_none(value: Any) -> Any:
        if isinstance(value, list) and any(v is None or (isinstance(v, float) and math.isnan(v)) for v in value):
            return None
        return convert(value)

    return or_none


def _models(value: Any) -> tuple[AutolabelMetadata, ...]:
    if isinstance(value, dict):  # the form before format 1.4
        value = value.get("models")
    return tuple(parse(AutolabelMetadata, entry) for entry in _list(lambda entry: entry)(value))


def _rotation(value: Any) -> tuple[float, ...]:
    quaternion = _list(_number, 4)(value)
    if math.hypot(*quaternion) < LEAST_LENGTH:
        raise ValueError("it is no rotation")
    return quaternion


_vector = _list(_number, 3)

CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "str | None": _text,
    "int": _integer,
    "int | None": _integer,
    "float": _number,
    "float | None": _number,
    "bool": _flag,
    "Vector": _vector,
    "Quaternion": _rotation,
    "Vector | None": _known(_vector),
    "tuple[str, ...]": _list(_text),
    "tuple[float, ...]": _list(_number),
    "tuple[float, ...] | None": _known(_list(_number)),
    "tuple[Vector, ...]": _list(_vector),
    "tuple[AutolabelMetadata, ...] | None": _models,
}
