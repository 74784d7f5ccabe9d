"""A pickle's opcodes for arrays and for records in columns: for many at once, without a Python object a value."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

DECIMALS = 9  # metres and radians: far below any sensor, above the last bits in which two CPUs' sin() may differ
LIST, DICT = pickle.EMPTY_LIST + pickle.MARK, pickle.EMPTY_DICT + pickle.MARK

Code = Callable[[str], bytes]  # a text -> its opcodes


@dataclass(frozen=True)
class Records:
    """`count` dicts with the same keys, as columns: those of `numbers`, of `words`, then of `texts`.

    numbers: (count,) or (count, k) of float, int or bool. words: texts that many records share, or lists of such.
    texts: texts that differ.
    """

    count: int
    numbers: Mapping[str, NDArray[Any]]
    words: Mapping[str, Sequence[str | Sequence[str]]] = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Equal on every machine, and without -0.0."""
    return np.round(values, DECIMALS) + 0.0


def form_of(records: Records) -> tuple[Any, ...]:
    """What records share that can be rendered together."""
    numbers = tuple((name, column.dtype.kind, column.shape[1:]) for name, column in records.numbers.items())
    return numbers, tuple(records.words), tuple(records.texts)


def of_one_shape(arrays: Sequence[NDArray[np.float64]]) -> Iterator[bytes]:
    """The opcodes of each of several arrays of one shape."""
    values = np.concatenate(arrays).reshape(len(arrays), *arrays[0].shape)
    block = _rows(_blank(values.dtype, arrays[0].shape), len(values))
    _fill(block, values)
    return _cut(block)


def lists_of_records(several: Sequence[Records], code: Code) -> Iterator[bytes]:
    """Opcodes that put a list of dicts on the reader's stack, for each of several records of one form.

    code: of their keys and texts.
    """
    columns = [_numbers(several, code)]
    columns += [_column(code, name, [one.words[name] for one in several]) for name in several[0].words]
    columns += [_column(code, name, [one.texts[name] for one in several]) for name in several[0].texts]
    rows = zip(*columns, repeat(pickle.SETITEMS, sum(one.count for one in several)), strict=True)
    for one in several:
        yield b"".join((LIST, *chain.from_iterable(islice(rows, one.count)), pickle.APPENDS))
    for _ in rows:  # a column that is longer or shorter than the others makes zip say so
        pass


def _numbers(several: Sequence[Records], code: Code) -> Iterator[bytes]:
    """What each record begins with; it is as long for all, so it is made for all at once."""
    row, columns = DICT, []
    for name in several[0].numbers:
        column = np.concatenate([one.numbers[name] for one in several])
        row += code(name)
        start = len(row)
        row += _blank(column.dtype, column.shape[1:])
        columns.append((start, len(row), column))
    block = _rows(row, sum(one.count for one in several))
    for start, end, column in columns:
        _fill(block[:, start:end], column)
    return _cut(block)


def _column(code: Code, name: str, parts: Iterable[Sequence[str | Sequence[str]]]) -> Iterator[bytes]:
    key, known = code(name), dict[str | tuple[str, ...], bytes]()
    for words in chain.from_iterable(parts):
        what = words if isinstance(words, str) else tuple(words)
        if (found := known.get(what)) is None:
            found = key + (code(what) if isinstance(what, str) else LIST + b"".join(map(code, what)) + pickle.APPENDS)
            known[what] = found
        yield found


def _rows(code: bytes, count: int) -> NDArray[np.uint8]:
    """(count, bytes) of as many times the same."""
    block = np.empty((count, len(code)), np.uint8)
    block[:] = np.frombuffer(code, np.uint8)
    return block


def _cut(block: NDArray[np.uint8]) -> Iterator[bytes]:
    content, width = block.tobytes(), block.shape[1]
    return (content[start : start + width] for start in range(0, len(content), width))


def _blank(kind: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The opcodes of a value of this kind, or of a list of such, with nothing in the places that `_fill` fills."""
    if shape:
        return LIST + _blank(kind, shape[1:]) * shape[0] + pickle.APPENDS
    if kind.kind == "b":
        return bytes(1)
    return (pickle.LONG1 + bytes([8]) if kind.kind == "i" else pickle.BINFLOAT) + bytes(8)


def _fill(block: NDArray[np.uint8], values: NDArray[Any]) -> None:
    """Put values, (N, ...), into their opcodes: (N, bytes) at first, (N, ..., bytes) once lists are opened."""
    if values.ndim >= block.ndim:
        items, width = block[..., len(LIST) : -len(pickle.APPENDS)], values.shape[block.ndim - 1]
        _fill(items.reshape(*values.shape[: block.ndim], items.shape[-1] // width), values)
    elif values.dtype.kind == "b":
        block[..., 0] = np.where(values, ord(pickle.NEWTRUE), ord(pickle.NEWFALSE))
    else:
        coded = values.astype("<i8") if values.dtype.kind == "i" else rounded(values).astype(">f8")
        block[..., -8:] = coded[..., None].view(np.uint8)
