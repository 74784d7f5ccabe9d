"""A pickle of builtins that is written piece by piece: its bytes follow from content alone, never from identity.

Any reader of pickles reads it. Many equal records are written from columns, without a Python object a value.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROTOCOL = 4  # readable by the Python 3.8 of older training images
DECIMALS = 9  # metres and radians: far below any sensor, above the last bits in which two CPUs' sin() may differ
HEAD, TAIL = pickle.PROTO + bytes([PROTOCOL]), pickle.STOP
_FLOAT = struct.Struct(">d").pack
_SHORT = tuple(pickle.SHORT_BINUNICODE + bytes([size]) for size in range(256))
LIST, DICT = pickle.EMPTY_LIST + pickle.MARK, pickle.EMPTY_DICT + pickle.MARK


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


class Pickling:
    """The opcodes of one pickle's values.

    words: texts that recur, which `head` spells out once for the whole file; each value then follows from its content
    and these alone, wherever it stands, so that what one file holds can be put into another that has the same words.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words = tuple(dict.fromkeys(words))
        self._codes = {word: _reference(place) for place, word in enumerate(self._words)}

    def head(self) -> bytes:
        """Opcodes that teach the reader the words, and leave nothing on its stack."""
        return b"".join(_text(word) + pickle.MEMOIZE + pickle.POP for word in self._words)

    def value(self, value: Any) -> bytes:
        """Opcodes that put the value on the reader's stack. Raises TypeError for what is neither builtin nor array."""
        return b"".join(self.values([value]))

    def values(self, values: Iterable[Any]) -> list[bytes]:
        """The opcodes of each value; many are made faster together."""
        pieces = _Pieces(self._codes)
        ends = []
        for value in values:
            pieces.add(value)
            ends.append(len(pieces.codes))
        codes = pieces.rendered()
        return [b"".join(codes[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


class _Pieces:
    """A value's opcodes in pieces. Arrays and records are left out at first, to be rendered by the kind together."""

    def __init__(self, words: Mapping[str, bytes]) -> None:
        self.codes: list[bytes] = []
        self._words = words
        self._seen: dict[int, tuple[int, int, Any]] = {}  # a container, by its id: where its pieces are, and itself
        self._again: list[tuple[int, int, int]] = []
        self._tables: dict[tuple[int, ...], list[tuple[int, NDArray[np.float64]]]] = {}
        self._records: dict[Any, list[tuple[int, Records]]] = {}

    def add(self, value: Any) -> None:
        kind = type(value)  # the frequent ones first
        if kind is str:
            self.codes.append(self._words.get(value) or _text(value))
        elif value is None:
            self.codes.append(pickle.NONE)
        elif kind is np.ndarray:
            self._array(value)
        elif kind is int:
            self.codes.append(_integer(value))
        elif kind is float:
            self.codes.append(pickle.BINFLOAT + _FLOAT(round(value, DECIMALS) + 0.0))
        elif kind is dict or kind is list or kind is tuple:
            self._container(value)
        elif kind is Records:
            self._records.setdefault(_form(value), []).append((len(self.codes), value))
            self.codes.append(b"")
        elif isinstance(value, str | dict | list | tuple | np.ndarray | np.generic):
            self.add(_builtin(value))
        else:
            self.codes.append(_plain(value))

    def _container(self, value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> None:
        """The same object again has the same pieces again."""
        start = len(self.codes)
        if (known := self._seen.get(id(value))) is not None:
            self._again.append((start, *known[:2]))
            self.codes.append(b"")
            return
        if isinstance(value, dict):
            self._entries(value)
        else:
            self.codes.append(LIST)
            for item in value:
                self.add(item)
            self.codes.append(pickle.APPENDS)
        self._seen[id(value)] = start, len(self.codes), value

    def _entries(self, value: dict[Any, Any]) -> None:
        """A dict's pieces. What its frequent values need stands here too, for most time would go to calling `add`."""
        append, words = self.codes.append, self._words
        append(DICT)
        for key, item in value.items():
            if (code := words.get(key)) is not None:
                append(code)
            else:
                self.add(key)
            kind = type(item)
            if kind is str:
                append(words.get(item) or _text(item))
            elif item is None:
                append(pickle.NONE)
            elif kind is np.ndarray:
                self._array(item)
            elif kind is dict or kind is list:
                self._container(item)
            elif kind is int:
                append(_integer(item))
            elif kind is float:
                append(pickle.BINFLOAT + _FLOAT(round(item, DECIMALS) + 0.0))
            else:
                self.add(item)
        append(pickle.SETITEMS)

    def _array(self, value: NDArray[Any]) -> None:
        if value.dtype == np.float64 and value.ndim and value.size:
            self._tables.setdefault(value.shape, []).append((len(self.codes), value))
            self.codes.append(b"")
        else:
            self.add(value.tolist())

    def rendered(self) -> list[bytes]:
        """All pieces."""
        for tables in self._tables.values():
            places, arrays = zip(*tables, strict=True)
            for place, code in zip(places, _tables(arrays), strict=True):
                self.codes[place] = code
        for records in self._records.values():
            places, found = zip(*records, strict=True)
            for place, code in zip(places, self._lists_of_records(found), strict=True):
                self.codes[place] = code
        for place, start, end in self._again:
            self.codes[place] = b"".join(self.codes[start:end])
        return self.codes

    def _lists_of_records(self, several: Sequence[Records]) -> Iterator[bytes]:
        """Opcodes that put a list of dicts on the reader's stack, for each of several records of one form."""
        columns = [self._numbers(several)]
        columns += [self._column(name, [one.words[name] for one in several]) for name in several[0].words]
        columns += [self._column(name, [one.texts[name] for one in several]) for name in several[0].texts]
        rows = zip(*columns, repeat(pickle.SETITEMS, sum(one.count for one in several)), strict=True)
        for one in several:
            yield b"".join((LIST, *chain.from_iterable(islice(rows, one.count)), pickle.APPENDS))
        for _ in rows:  # a column that is longer or shorter than the others makes zip say so
            pass

    def _code(self, text: str) -> bytes:
        return self._words.get(text) or _text(text)

    def _numbers(self, several: Sequence[Records]) -> Iterator[bytes]:
        """What each record begins with; it is as long for all, so it is made for all at once."""
        code, columns = DICT, []
        for name in several[0].numbers:
            column = np.concatenate([one.numbers[name] for one in several])
            code += self._code(name)
            start = len(code)
            code += _blank(column.dtype, column.shape[1:])
            columns.append((start, len(code), column))
        block = _rows(code, sum(one.count for one in several))
        for start, end, column in columns:
            _fill(block[:, start:end], column)
        return _cut(block)

    def _column(self, name: str, parts: Iterable[Sequence[str | Sequence[str]]]) -> Iterator[bytes]:
        key, known = self._code(name), dict[str | tuple[str, ...], bytes]()
        for words in chain.from_iterable(parts):
            what = words if isinstance(words, str) else tuple(words)
            if (code := known.get(what)) is None:
                several = b"" if isinstance(what, str) else b"".join(map(self._code, what))
                code = key + (self._code(what) if isinstance(what, str) else LIST + several + pickle.APPENDS)
                known[what] = code
            yield code


def _form(records: Records) -> tuple[Any, ...]:
    """What records share that can be rendered together."""
    numbers = tuple((name, column.dtype.kind, column.shape[1:]) for name, column in records.numbers.items())
    return numbers, tuple(records.words), tuple(records.texts)


def _builtin(value: Any) -> Any:
    """A value of a class that is made of a builtin one, as that."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return np.asarray(value).tolist()
    return str(value) if isinstance(value, str) else dict(value) if isinstance(value, dict) else list(value)


def _reference(place: int) -> bytes:
    """What recalls the reader's memory number `place`."""
    if place < 256:
        return pickle.BINGET + bytes([place])
    return pickle.LONG_BINGET + place.to_bytes(4, "little")


def _text(text: str) -> bytes:
    content = text.encode("utf-8", "surrogatepass")
    if len(content) < 256:
        return _SHORT[len(content)] + content
    return pickle.BINUNICODE8 + len(content).to_bytes(8, "little") + content


@lru_cache(maxsize=1024)
def _integer(value: int) -> bytes:
    content = pickle.encode_long(value)
    return pickle.LONG1 + bytes([len(content)]) + content


def _plain(value: Any) -> bytes:
    if value is None:
        return pickle.NONE
    if isinstance(value, bool):
        return pickle.NEWTRUE if value else pickle.NEWFALSE
    if isinstance(value, int):
        return _integer(int(value))
    if isinstance(value, float):
        return pickle.BINFLOAT + _FLOAT(round(value, DECIMALS) + 0.0)
    raise TypeError(f"an info file holds builtins only, not {type(value).__name__}")


def _tables(arrays: Sequence[NDArray[np.float64]]) -> Iterator[bytes]:
    """The opcodes of each of several arrays of one shape."""
    values = np.concatenate(arrays).reshape(len(arrays), *arrays[0].shape)
    block = _rows(_blank(values.dtype, arrays[0].shape), len(values))
    _fill(block, values)
    return _cut(block)


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
