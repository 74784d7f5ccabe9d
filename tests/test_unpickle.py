"""Hostile pickles, real ones: each would run code, read foreign memory or eat it, were it read by pickle itself."""

from __future__ import annotations

import collections
import copy
import io
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from t4zoo.info import InfoError, load
from t4zoo.unpickle import UnpickleError
from t4zoo.unpickle import load as read

ADDRESS = struct.pack("<Q", 0xDEADBEEF)
FIELDS = (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)  # flags 0: denies that there is an object in it


class Says:
    """Pickled as a call with arguments, and perhaps a state for what comes of it."""

    def __init__(self, call: Any, *arguments: Any, state: Any = None) -> None:
        self.reduced = (call, arguments) if state is None else (call, arguments, state)

    def __reduce__(self) -> Any:
        return self.reduced


def by_name(name: str) -> bytes:
    """A pickle of the mere `module.name`, whether there is such a thing or not."""
    module, _, attribute = name.rpartition(".")
    texts = (b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, attribute))
    return b"\x80\x04" + b"".join(texts) + b"\x93."


def blank() -> Any:
    return np.empty(0).__reduce__()[0]


def array_of(kind: Any, content: Any, shape: tuple[int, ...] = (1,)) -> bytes:
    return pickle.dumps(Says(blank(), np.ndarray, (0,), b"b", state=(1, shape, kind, False, content)))


FORGED = {
    "fields that deny their objects": array_of(Says(np.dtype, "V8", False, True, state=FIELDS), ADDRESS),
    "objects that deny it": array_of(
        Says(np.dtype, "O8", False, True, state=(3, "|", None, None, None, 8, 8, 0)), ADDRESS
    ),
    "numbers with fields": array_of(Says(np.dtype, "f8", False, True, state=FIELDS), ADDRESS),
    "sub-arrays": array_of(
        Says(np.dtype, "f8", False, True, state=(3, "<", (np.dtype("O"), (1,)), None, None, 8, 1, 0)), ADDRESS
    ),
    "void": array_of(np.dtype("V8"), ADDRESS),
    "a structure": array_of(np.dtype([("a", "f8")]), ADDRESS),
    "objects from bytes": array_of(np.dtype("O"), ADDRESS),
    "a scalar of an object": pickle.dumps(Says(np.float64(1).__reduce__()[0], np.dtype("O"), ADDRESS)),
    "more than its content": array_of(np.dtype("f8"), ADDRESS, (1 << 40,)),
    "a negative shape": array_of(np.dtype("f8"), ADDRESS, (-1, -1)),
    "an order of bytes that is a name": array_of(
        Says(np.dtype, "f8", False, True, state=(3, "x", None, None, None, -1, -1, 0)), ADDRESS
    ),
    "a dtype made from a list": pickle.dumps(Says(np.dtype, [("a", "O")])),
    "a buffer that is a number": pickle.dumps(
        Says(np.ones(1).__reduce_ex__(5)[0], 1 << 45, np.dtype("f8"), (1,), "C")
    ),
    "a changed constructor": by_name("numpy.dtype")[:-1] + b"N}\x8c\x05_makeNs\x86b.",
}  # fmt: skip
NAMES = [
    "os.system",
    "posix.system",
    "builtins.eval",
    "builtins.exec",
    "builtins.getattr",
    "builtins.__import__",
    "builtins.object",
    "numpy.load",
    "numpy.memmap",
    "numpy.f2py.crackfortran.getlincoef",
    "numpy.ndarray.tofile",
    "numpy._core.multiarray.fromfile",
    "numpy.testing._private.utils.runstring",
    "t4zoo.unpickle._Array",
    "subprocess.Popen",
    "torch.load",
]


def unread(content: bytes) -> str:
    with pytest.raises(UnpickleError) as caught:
        read(io.BytesIO(content))
    return str(caught.value)


@pytest.mark.parametrize("what", FORGED)
def test_an_array_that_lies_about_itself_is_refused(what: str) -> None:
    assert unread(FORGED[what])


def test_the_forged_array_really_would_reach_into_foreign_memory(tmp_path: Path) -> None:
    """Why numpy's own classes are not given to a pickle: it crashes the process that believes it."""
    (tmp_path / "forged").write_bytes(FORGED["fields that deny their objects"])
    believe = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))['a'])"
    done = subprocess.run([sys.executable, "-c", believe, str(tmp_path / "forged")], capture_output=True)
    assert done.returncode < 0  # by a signal


@pytest.mark.parametrize("name", NAMES)
def test_no_name_but_those_of_arrays_is_looked_up(name: str) -> None:
    assert repr(name) in unread(by_name(name))


def test_a_name_cannot_be_smuggled_in_through_one_that_is_known() -> None:
    unread(by_name("numpy.ndarray.__class__"))
    unread(by_name("numpy.dtype")[:-1] + b"\x8c\x04evil\x85R.")


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b".",  # bytes, an exabyte of them
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 50) + b".",
        b"\x80\x04" + b"(" * 10 + b".",
        b"\x80\x04Pname\n.",  # a reference to a store of objects that is not there
        b"\x80\x04\x82\x01.",  # a number in a table of extensions
        b"\x80\xff.",
        b"0.",
    ],
)
def test_a_pickle_that_promises_more_than_it_holds_is_refused(content: bytes) -> None:
    assert unread(content)


@pytest.mark.parametrize("depth", [10_000, 1_000_000])
def test_endless_nesting_is_an_error_in_the_users_words(tmp_path: Path, depth: int) -> None:
    nested = b"]" * depth + b"a" * (depth - 1)
    for where in (b"\x80\x04}\x8c\x08metainfo" + nested + b"s.", b"\x80\x04" + nested + b"."):
        (tmp_path / "info.pkl").write_bytes(where)
        with pytest.raises(InfoError, match=r"info\.pkl"):
            load(tmp_path / "info.pkl")


@pytest.mark.parametrize(
    "frame",
    [
        5,
        [],
        {"lidar_points": "x"},
        {"lidar_points": {"lidar_path": "x", "num_pts_feats": float("inf")}, "sample_idx": 0},
        {"lidar_points": {}, "sample_idx": float("inf"), "token": "", "timestamp": 0},
    ],
)
def test_a_frame_of_the_wrong_shape_is_named_and_not_thrown(tmp_path: Path, frame: Any) -> None:
    data = {"metainfo": {"classes": [], "version": "x"}, "data_list": [frame]}
    (tmp_path / "info.pkl").write_bytes(pickle.dumps(data))
    with pytest.raises(InfoError, match="breaks the info layout"):
        load(tmp_path / "info.pkl")


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(3, dtype=">i2"),
        np.array(["car", "行"]),
        np.array([b"a", b"bc"]),
        np.array([True, False]),
        np.array(["a", None, [1]], dtype=object),
        np.float32(1.5),
        np.int64(-3),
        np.zeros((0, 7)),
        np.array(5.0),
    ],
    ids=str,
)
def test_honest_arrays_come_back_as_they_were(array: Any, protocol: int) -> None:
    found = read(io.BytesIO(pickle.dumps({"x": [array, array]}, protocol=protocol)))["x"]
    believed = pickle.loads(pickle.dumps(array))  # native in its bytes' order
    assert found[0].dtype == believed.dtype and found[0].shape == array.shape
    assert np.array_equal(found[0], array) and np.isfortran(found[0]) == np.isfortran(array)
    again = pickle.loads(pickle.dumps(copy.deepcopy(found[1])))
    assert type(again) is type(array) and np.array_equal(again, array)


def test_what_is_no_builtin_is_refused_even_when_it_is_harmless() -> None:
    assert "collections.OrderedDict" in unread(pickle.dumps(collections.OrderedDict(a=1)))
