"""A pickle from a stranger: builtins and numpy's arrays, without running what it says or believing it about memory.

numpy's own classes do not stand up to a hostile pickle: the state of a dtype can deny that its elements are objects,
whose addresses then come from the file. So none of them is given to the pickle: stand-ins check what they are told.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

_PLAIN = re.compile(r"[<>=|]?([biufc][0-9]{1,2}|[SU][0-9]{1,6}|O8?)")  # numbers, text, and lists of builtins
_NDARRAY = object()  # what the pickle gets for numpy.ndarray: good for nothing but to be handed to _reconstruct


class UnpickleError(ValueError):
    """A file that is no pickle, is cut off, or refers to more than builtins and arrays."""


def load(file: BinaryIO) -> Any:
    """The object in the file; raises UnpickleError."""
    try:
        return _Unpickler(file).load()
    except Exception as error:  # a broken or hostile pickle makes the reader raise almost anything
        raise UnpickleError(str(error) or type(error).__name__) from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _NAMES.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"it refers to {f'{module}.{name}'!r}, which is neither builtin nor an array")
        return found


class _Kind:
    """Stands for a numpy.dtype that was made from its name alone."""

    __slots__ = ("dtype",)

    def __init__(self, name: Any) -> None:
        if not isinstance(name, str) or not _PLAIN.fullmatch(name):
            raise pickle.UnpicklingError(f"an array of {name!r}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        """Take the order of bytes, and refuse fields, sub-arrays and whatever else would make it another type."""
        _, order, *fields = state
        if order not in ("<", ">", "=", "|") or any(field is not None for field in fields[:3]):
            raise pickle.UnpicklingError("an array with fields")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray):
    """An array whose state is checked before numpy takes it; is pickled again as the plain array that it is."""

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_columns, content = state
        if not isinstance(kind, _Kind) or not all(type(length) is int and length >= 0 for length in shape):
            raise pickle.UnpicklingError("a malformed array")
        dtype, count = kind.dtype, math.prod(shape)
        wanted = list if dtype.hasobject else bytes
        if type(content) is not wanted or len(content) != count * (1 if wanted is list else dtype.itemsize):
            raise pickle.UnpicklingError("an array that is larger than its content")
        super().__setstate__((1, tuple(shape), dtype, bool(by_columns), content))  # type: ignore[arg-type]

    def __reduce__(self) -> Any:
        return self.view(np.ndarray).__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.view(np.ndarray).__reduce_ex__(protocol)


class _Maker:
    """A function of ours that the pickle may call, and cannot change."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it would change what reads it")


def _empty(kind: Any, shape: Any, code: Any) -> _Array:
    """What numpy calls _reconstruct: an array that gets its state next. The shape here is a placeholder always."""
    if kind is not _NDARRAY:
        raise pickle.UnpicklingError("an array of an unknown kind")
    return np.empty(0, np.uint8).view(_Array)


def _scalar(kind: Any, content: Any) -> Any:
    return _from_buffer(content, kind, (1,), "C")[0]


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> _Array:
    if not isinstance(content, bytes | bytearray):
        raise pickle.UnpicklingError("an array without content")
    array = np.empty(0, np.uint8).view(_Array)
    array.__setstate__((1, shape, kind, order == "F", bytes(content)))
    return array


_NAMES: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Maker(lambda name, *_: _Kind(name)),
    **{
        (f"numpy.{core}.{module}", name): _Maker(make)
        for core in ("core", "_core")  # before and since numpy 2
        for module, name, make in (
            ("multiarray", "_reconstruct", _empty),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}
