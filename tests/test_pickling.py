"""The pickles that are written piece by piece, read by Python's own readers."""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo import unpickle
from t4zoo.pickled_columns import Records
from t4zoo.pickling import HEAD, TAIL, Pickling

texts = st.text(max_size=300)
numbers = st.floats(-1e5, 1e5).map(lambda value: round(value, 6) + 0.0)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9) | st.integers(), inner, max_size=4),
    max_leaves=20,
)


def read(*pieces: bytes) -> Any:
    """What all readers agree on: C's, Python's, ours, and the one that checks the stack at each opcode."""
    content = HEAD + b"".join(pieces) + TAIL
    found = pickle.loads(content)
    assert found == pickle._Unpickler(io.BytesIO(content)).load() == unpickle.load(io.BytesIO(content))
    pickletools.dis(content, out=io.StringIO())
    return found


@given(values)
def test_a_value_is_read_back_by_every_reader(value: Any):
    assert read(Pickling().value(value)) == value


@given(values)
def test_a_value_is_written_the_same_whoever_holds_its_texts(value: Any):
    assert Pickling().value(value) == Pickling().value(pickle.loads(pickle.dumps(value)))


@pytest.mark.parametrize(
    "value", [np.eye(4), np.arange(3.0), np.zeros((0, 7)), np.int64(3), np.arange(4), np.eye(2) > 0]
)
def test_arrays_become_lists(value: Any):
    assert read(Pickling().value(value)) == value.tolist()


@given(st.lists(st.tuples(st.lists(numbers, min_size=7, max_size=7), numbers, st.integers(-(2**63), 2**63 - 1),
                          st.booleans(), texts, st.lists(st.sampled_from("abc"), max_size=2), texts)))  # fmt: skip
def test_records_are_read_back_as_dicts(rows: list[tuple[Any, ...]]):
    boxes, scores, labels, valid, names, attributes, tokens = zip(*rows, strict=True) if rows else ((),) * 7
    records = Records(
        len(rows),
        {
            "box": np.array(boxes, dtype=np.float64).reshape(-1, 7),
            "score": np.array(scores, dtype=np.float64),
            "label": np.array(labels, dtype=np.int64),
            "valid": np.array(valid, dtype=bool),
        },
        {"name": names, "attributes": attributes},
        {"token": tokens},
    )
    keys = ("box", "score", "label", "valid", "name", "attributes", "token")
    assert read(Pickling().value(records)) == [dict(zip(keys, row, strict=True)) for row in rows]


def test_more_words_than_a_byte_can_count_are_told_apart():
    words = [f"word {i}" for i in range(600)]
    records = Records(600, {"n": np.arange(600)}, {"word": words})
    pickling = Pickling(["n", "word", *words])
    code = pickling.value(records)
    assert len(code) < len(Pickling().value(records))
    found = read(pickling.head(), code, pickle.POP, code)
    assert found == [{"n": i, "word": word} for i, word in enumerate(words)]


@given(st.lists(values, max_size=4))
def test_what_one_pickle_holds_can_be_put_into_another_with_the_same_words(several: list[Any]):
    words = ["car", "", "token"]
    one, other = Pickling(words), Pickling(words)
    codes = one.values([several, {"car": several}])
    assert codes == [other.value(several), other.value({"car": several})]
    assert read(one.head(), b"".join(codes), pickle.POP) == several


def test_an_object_that_stands_in_several_places_is_several_objects():
    row = {"box": np.eye(2), "names": ["a"]}
    assert Pickling().value([row, row, {"again": row}]) == Pickling().value(
        [{"box": np.eye(2), "names": ["a"]}, {"box": np.eye(2), "names": ["a"]}, {"again": dict(row)}]
    )
    first, second = read(Pickling().value([row, row]))
    assert first is not second


def test_numbers_are_written_to_nine_decimals_without_a_negative_zero():
    both = np.array([1 / 3, -0.0, -1e-12, 89512.123456789])
    assert Pickling().value(both) == Pickling().value(both.tolist())
    assert str(read(Pickling().value(both))) == "[0.333333333, 0.0, 0.0, 89512.123456789]"


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        Pickling().value(Records(2, {"n": np.arange(2)}, texts={"id": ["one"]}))
