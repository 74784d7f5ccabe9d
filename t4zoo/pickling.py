"""A pickle of builtins that is written piece by piece: its bytes follow from content alone, never from identity.

Any reader of pickles reads it.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t4zoo.pickled_columns import DECIMALS, DICT, LIST, Records, form_of, lists_of_records, of_one_shape

PROTOCOL = 4  # readable by the Python 3.8 of older training images
HEAD, TAIL = pickle.PROTO + bytes([PROTOCOL]), pickle.STOP
_FLOAT = struct.Struct(">d").pack
_SHORT = tuple(pickle.SHORT_BINUNICODE + bytes([size]) for size in range(256))


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
            self._records.setdefault(form_of(value), []).append((len(self.codes), value))
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
            for place, code in zip(places, of_one_shape(arrays), strict=True):
                self.codes[place] = code
        for records in self._records.values():
            places, found = zip(*records, strict=True)
            for place, code in zip(places, lists_of_records(found, self._code), strict=True):
                self.codes[place] = code
        for place, start, end in self._again:
            self.codes[place] = b"".join(self.codes[start:end])
        return self.codes

    def _code(self, text: str) -> bytes:
        return self._words.get(text) or _text(text)


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
