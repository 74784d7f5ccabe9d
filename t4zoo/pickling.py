"""A pickle of builtins that is written piece by piece: its bytes follow from content alone, never from identity.

Any reader of pickles reads it. Many equal records are written from columns, without a Python object a value.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROTOCOL = 4  # readable by the Python 3.8 of older training images
DECIMALS = 9  # metres and radians: far below any sensor, above the last bits in which two CPUs' sin() may differ
HEAD, TAIL = pickle.PROTO + bytes([PROTOCOL]), pickle.STOP
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
    """The opcodes of one pickle's values; keys and words are spelt out where they are used first."""

    def __init__(self) -> None:
        self._codes: dict[str, bytes] = {}

    def value(self, value: Any) -> bytes:
        """Opcodes that put the value on the reader's stack. Raises TypeError for what is neither builtin nor array."""
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, dict):
            items = (self._key(key) + self.value(item) for key, item in value.items())
            return DICT + b"".join(items) + pickle.SETITEMS
        if isinstance(value, list | tuple):
            return LIST + b"".join(map(self.value, value)) + pickle.APPENDS
        if isinstance(value, np.ndarray) and value.dtype == np.float64 and value.ndim in (1, 2):
            return LIST + (_floats(value) if value.ndim == 1 else _lists(value)).tobytes() + pickle.APPENDS
        if isinstance(value, np.ndarray | np.generic):
            return self.value(value.tolist())
        return self.records(value) if isinstance(value, Records) else _plain(value)

    def records(self, records: Records) -> bytes:
        """Opcodes that put a list of dicts on the reader's stack."""
        keys = (*records.numbers, *records.words, *records.texts)
        used = chain.from_iterable(_several(words) for column in records.words.values() for words in column)
        spelt = [self._word(word) + pickle.POP for word in chain(keys, used) if word not in self._codes]
        columns = [self._numbers(records)]
        columns += [self._shared(name, column) for name, column in records.words.items()]
        columns += [self._own(name, column) for name, column in records.texts.items()]
        rows = zip(*columns, repeat(pickle.SETITEMS, records.count), strict=True)
        return b"".join((*spelt, LIST, *chain.from_iterable(rows), pickle.APPENDS))

    def _key(self, key: Any) -> bytes:
        return self._word(key) if isinstance(key, str) else _plain(key)

    def _word(self, word: str) -> bytes:
        """The text, kept in the reader's memo; from the second time on a reference to it."""
        code = self._codes.get(word)
        if code is None:
            place = len(self._codes)
            short = place < 256
            reference = pickle.BINGET + bytes([place]) if short else pickle.LONG_BINGET + place.to_bytes(4, "little")
            self._codes[word] = reference
            return _text(word) + pickle.MEMOIZE
        return code

    def _numbers(self, records: Records) -> Iterator[bytes]:
        """What each record begins with; it is as long for all, so it is made for all at once."""
        blocks = [_same(DICT, records.count)]
        for name, column in records.numbers.items():
            blocks += [_same(self._codes[name], records.count), _coded(column)]
        block = np.hstack(blocks)
        content, width = block.tobytes(), block.shape[1]
        return (content[start : start + width] for start in range(0, len(content), width))

    def _shared(self, name: str, column: Sequence[str | Sequence[str]]) -> Iterator[bytes]:
        for words in column:
            codes = b"".join(self._codes[word] for word in _several(words))
            yield self._codes[name] + (codes if isinstance(words, str) else LIST + codes + pickle.APPENDS)

    def _own(self, name: str, column: Sequence[str]) -> Iterator[bytes]:
        code = self._codes[name]
        return (code + _text(text) for text in column)


def _several(words: str | Sequence[str]) -> Sequence[str]:
    return (words,) if isinstance(words, str) else words


def _text(text: str) -> bytes:
    content = text.encode("utf-8", "surrogatepass")
    if len(content) < 256:
        return pickle.SHORT_BINUNICODE + bytes([len(content)]) + content
    return pickle.BINUNICODE8 + len(content).to_bytes(8, "little") + content


def _plain(value: Any) -> bytes:
    if value is None:
        return pickle.NONE
    if isinstance(value, bool):
        return pickle.NEWTRUE if value else pickle.NEWFALSE
    if isinstance(value, int):
        content = pickle.encode_long(int(value))
        return pickle.LONG1 + bytes([len(content)]) + content
    if isinstance(value, float):
        return pickle.BINFLOAT + struct.pack(">d", round(value, DECIMALS) + 0.0)
    raise TypeError(f"an info file holds builtins only, not {type(value).__name__}")


def _same(code: bytes, count: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.frombuffer(code, np.uint8), (count, len(code)))


def _coded(column: NDArray[Any]) -> NDArray[np.uint8]:
    """(N, bytes) of a column of N numbers, or of N lists of floats."""
    if column.dtype == bool:
        return np.where(column, ord(pickle.NEWTRUE), ord(pickle.NEWFALSE)).astype(np.uint8)[:, None]
    if column.dtype.kind == "i":
        size = pickle.LONG1 + bytes([8])
        return np.hstack([_same(size, len(column)), column.astype("<i8").view(np.uint8).reshape(len(column), 8)])
    return _floats(column) if column.ndim == 1 else _lists(column)


def _lists(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(N, bytes) of N lists of floats."""
    count = len(values)
    return np.hstack([_same(LIST, count), _floats(values), _same(pickle.APPENDS, count)])


def _floats(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(N, bytes) of N floats, or of N times several."""
    coded = np.empty(values.shape, [("code", "S1"), ("value", ">f8")])
    coded["code"], coded["value"] = pickle.BINFLOAT, rounded(values)
    return coded.view(np.uint8).reshape(len(values), 9 * (values.size // max(len(values), 1)))
