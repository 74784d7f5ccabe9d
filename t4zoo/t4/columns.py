"""A T4 table as columns: checked and converted a field at a time, where records.py goes row by row.

A column whose values all have the very type that T4 asks for is taken as it is; any other goes through records.py value
by value, so both accept the same and say the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.t4.records import CONVERTERS, LEAST_LENGTH, MOST_NUMBER, MOST_WHOLE, RowError, shown

Array = NDArray[np.float64]
Column = Any  # a sequence, or an array where `_ARRAYS` knows the field's type

_ONE, _SEVERAL = {int, float}, {list, type(None)}


class FieldError(Exception):
    """A field of row number `row` that is missing or has a value that T4 does not allow."""

    def __init__(self, row: int, error: RowError) -> None:
        super().__init__(str(error))
        self.row, self.error = row, error


@dataclass(frozen=True, eq=False)
class Table:
    """rows: the JSON objects. index: token -> row number. columns: field -> the values of all rows.

    Vectors and quaternions are (N, 3) and (N, 4), NaN where they are unknown.
    """

    rows: Sequence[dict[str, Any]]
    index: dict[str, int]
    columns: dict[str, Column]

    def __getitem__(self, field: str) -> Column:
        return self.columns[field]

    def __len__(self) -> int:
        return len(self.rows)


def table_of(kind: Any, rows: Sequence[Any]) -> Table:
    """The rows of a table, `kind` being their dataclass of tables.py. Raises FieldError."""
    if set(map(type, rows)) - {dict}:
        number, row = next((number, row) for number, row in enumerate(rows) if type(row) is not dict)
        raise FieldError(number, RowError(f"is {shown(row)}, not an object"))
    fields = _fields(kind)
    values = _at_once(tuple(fields), rows) or {
        field: _values(field, default, rows) for field, (_, default) in fields.items()
    }
    columns = {field: _column(field, *about, values[field]) for field, about in fields.items()}
    return Table(rows, {token: row for row, token in enumerate(columns["token"])}, columns)


@cache
def _fields(kind: Any) -> dict[str, tuple[str, Any]]:
    """Field -> the name of its type, and its default."""
    fields = dataclasses.fields(kind)
    return {field.name: (str(field.type), field.default) for field in fields}


def _at_once(fields: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> dict[str, Sequence[Any]] | None:
    """All columns, where every row has every field."""
    try:
        columns = list(zip(*map(itemgetter(*fields), rows), strict=True))
    except KeyError:
        return None
    return dict(zip(fields, columns, strict=True)) if rows else None


def _values(field: str, default: Any, rows: Sequence[dict[str, Any]]) -> Sequence[Any]:
    if default is not dataclasses.MISSING:
        return [row.get(field) for row in rows]
    try:
        return list(map(itemgetter(field), rows))
    except KeyError:
        number = next(number for number, row in enumerate(rows) if field not in row)
        raise FieldError(number, RowError(f"has no field {field!r}")) from None


def _column(field: str, type_name: str, default: Any, column: Sequence[Any]) -> Column:
    if default is not None and default is not dataclasses.MISSING and None in column:
        column = [default if value is None else value for value in column]
    if type_name in _ARRAYS:
        found = _ARRAYS[type_name](column)
        return np.array(_converted(field, type_name, column, default)) if found is None else found
    return column if _CONFORMS[type_name](column) else _converted(field, type_name, column, default)


def _converted(field: str, type_name: str, column: Sequence[Any], default: Any) -> list[Any]:
    convert, values = CONVERTERS[type_name], []
    for number, value in enumerate(column):
        try:
            known = default if value is None and default is not dataclasses.MISSING else convert(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise FieldError(number, RowError(f"field {field!r} is {shown(value)}: {error}")) from None
        values.append((np.nan,) * 3 if known is None and type_name in _ARRAYS else known)
    return values


def _vectors(width: int) -> Callable[[Sequence[Any]], Array | None]:
    def vectors(column: Sequence[Any]) -> Array | None:
        """(N, width) of a column of lists of numbers, or None where it holds something else."""
        if not column:
            return np.zeros((0, width))
        if set(map(type, column)) != {list} or set(map(len, column)) != {width}:
            return None
        return _numbers(list(chain.from_iterable(column)), width)

    return vectors


def _numbers(flat: list[Any], width: int) -> Array | None:
    if not set(map(type, flat)) <= _ONE:
        return None
    try:
        array = np.array(flat, dtype=np.float64).reshape(-1, width)
    except OverflowError:
        return None
    return array if (np.abs(array) <= MOST_NUMBER).all() else None


def _quaternions(column: Sequence[Any]) -> Array | None:
    array = _vectors(4)(column)
    return None if array is None or not ((array * array).sum(axis=1) > 4 * LEAST_LENGTH**2).all() else array


def _known_vectors(column: Sequence[Any]) -> Array | None:
    kinds = set(map(type, column))
    if not kinds <= _SEVERAL:
        return None
    if list not in kinds:
        return np.full((len(column), 3), np.nan)
    known = [row for row, value in enumerate(column) if value is not None]
    found = _vectors(3)([column[row] for row in known])
    if found is None:
        return None
    array = np.full((len(column), 3), np.nan)
    array[known] = found
    return array


def _only(*kinds: type) -> Callable[[Sequence[Any]], bool]:
    allowed = set(kinds)
    return lambda column: set(map(type, column)) <= allowed


def _whole(*kinds: type) -> Callable[[Sequence[Any]], bool]:
    allowed = set(kinds)

    def conforms(column: Sequence[Any]) -> bool:
        if not set(map(type, column)) <= allowed:
            return False
        known = [value for value in column if value is not None] if len(kinds) > 1 else column
        return not known or (max(known) < MOST_WHOLE and min(known) > -MOST_WHOLE)

    return conforms


def _floats(column: Sequence[Any]) -> bool:
    return set(map(type, column)) <= {list} and _finite(list(chain.from_iterable(column)))


def _matrices(column: Sequence[Any]) -> bool:
    if not set(map(type, column)) <= {list}:
        return False
    rows = list(chain.from_iterable(column))
    return set(map(type, rows)) <= {list} and set(map(len, rows)) <= {3} and _floats(rows)


def _finite(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {float} and all(abs(value) <= MOST_NUMBER for value in values)


def _texts(column: Sequence[Any]) -> bool:
    return set(map(type, column)) <= {list} and set(map(type, chain.from_iterable(column))) <= {str}


_NONE = type(None)
_ARRAYS: dict[str, Callable[[Sequence[Any]], Array | None]] = {
    "Vector": _vectors(3),
    "Quaternion": _quaternions,
    "Vector | None": _known_vectors,
}
_CONFORMS: dict[str, Callable[[Sequence[Any]], bool]] = {
    "str": _only(str),
    "str | None": _only(str, _NONE),
    "int": _whole(int),
    "int | None": _whole(int, _NONE),
    "bool": _only(bool),
    "tuple[str, ...]": _texts,
    "tuple[float, ...]": _floats,
    "tuple[float, ...] | None": _only(_NONE),
    "tuple[Vector, ...]": _matrices,
    "tuple[AutolabelMetadata, ...] | None": _only(_NONE),
}
