"""Hostile files, real ones, given to every command: none runs what is in them, hangs, eats memory, or falls over."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t4zoo import parquet
from t4zoo.parquet import META
from tests.info_files.files import dumped, info, run, written

GIGABYTES = 3


def every(path: Path, folder: Path) -> list[tuple[str, int]]:
    """What each command says of the file, and its exit code."""
    good = written(folder / "good.pkl")
    out = [folder / f"out{suffix}" for suffix in (".pkl", ".parquet")]
    commands: list[tuple[object, ...]] = [
        ("show", path), ("show", path, "--json"), ("show", path, "--frame", "0"), ("diff", path, good),
        ("diff", good, path), ("convert", path, out[0]), ("convert", path, out[1]),
        ("convert", path, out[0], "--to", "mmdet3d"),
    ]  # fmt: skip
    if path.suffix == ".pkl":
        commands += [("convert", path, out[0], "--to", "awml")]
    done = [run(*command) for command in commands]
    assert not any("Traceback" in one.stderr for one in done)
    return [(one.stderr, one.returncode) for one in done]


def refused_by_all(path: Path, folder: Path) -> str:
    """Every command refuses it: `diff` with the 2 of trouble, the others with 1."""
    said = every(path, folder)
    assert {code for text, code in said if "error: " in text} <= {1, 2}
    assert [code for _, code in said] == [1, 1, 1, 2, 2, *[1] * (len(said) - 5)]
    assert len({text for text, _ in said}) == 1
    assert not list(folder.glob("out*")) and not list(folder.glob(".out*"))
    return said[0][0]


class Says:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.reduced = (call, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("place", ["the whole", "metainfo", "a class", "a frame", "a box"])
def test_code_in_a_pickle_is_never_run(tmp_path: Path, place: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("here")
    harm: Any = Says(eval, f"__import__('os').remove({str(victim)!r})")
    data = pickle.loads(written(tmp_path / "good.pkl").read_bytes())
    if place == "a class":
        data["metainfo"]["classes"][0] = harm
    elif place == "a frame":
        data["data_list"][1] = harm
    elif place == "a box":
        data["data_list"][0]["instances"][0]["bbox_3d"] = harm
    content = harm if place == "the whole" else {**data, "metainfo": harm} if place == "metainfo" else data
    said = refused_by_all(dumped(tmp_path / "evil.pkl", content), tmp_path)
    assert "'builtins.eval', which is neither builtin nor an array" in said
    assert victim.read_text() == "here"
    with pytest.raises((TypeError, AttributeError, LookupError)):  # the attack is a real one
        raise LookupError(pickle.loads((tmp_path / "evil.pkl").read_bytes()))
    assert not victim.exists()


def laughing(levels: int) -> list[Any]:
    """A list of ten times the same list, and so on: some hundred bytes, and 10 ** levels values."""
    found: list[Any] = ["ha"]
    for _ in range(levels):
        found = [found] * 10
    return found


def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


BOMBS = {"a list of lists of lists": laughing(20), "a list of itself": endless(), "a deep list": nested(400)}
PLACES = ["version", "classes", "extra", "token", "images", "bbox_3d", "attribute", "key", "lidar_path", "beside"]


CASES = [(bomb, place) for bomb in BOMBS for place in PLACES if place != "key" or bomb == "a deep list"]


@pytest.mark.parametrize(("bomb", "place"), CASES)
def test_values_without_end_are_refused_wherever_they_are(tmp_path: Path, bomb: str, place: str) -> None:
    value = BOMBS[bomb]
    data = pickle.loads(written(tmp_path / "good.pkl").read_bytes())
    meta, record = data["metainfo"], data["data_list"][2]
    if place in ("version", "classes", "extra"):
        meta[place] = value
    elif place == "key":
        key: tuple[Any, ...] = ()
        for _ in range(400):
            key = (key,)
        record["images"] = {key: 1}
    elif place == "lidar_path":
        record["lidar_points"][place] = value
    elif place in ("bbox_3d", "attribute"):
        record["instances"][0]["gt_attrs" if place == "attribute" else place] = value
    else:
        record[place] = value
    said = refused_by_all(dumped(tmp_path / "bomb.pkl", data), tmp_path)
    assert "info file" in said or "frame 2 breaks the info layout" in said


def test_an_array_of_lists_is_gone_through_like_any_list(tmp_path: Path) -> None:
    data = pickle.loads(written(tmp_path / "good.pkl").read_bytes())
    array = np.empty(1, dtype=object)
    array[0] = laughing(20)
    data["data_list"][2]["images"] = array
    assert "frame 2 breaks the info layout" in refused_by_all(dumped(tmp_path / "bomb.pkl", data), tmp_path)


def test_the_commands_need_little_memory_for_a_bomb(tmp_path: Path) -> None:
    """In a process that may have no more than a few gigabytes of it."""
    data = pickle.loads(written(tmp_path / "good.pkl").read_bytes())
    data["data_list"][0]["images"] = laughing(30)
    bomb = dumped(tmp_path / "bomb.pkl", data)
    assert bomb.stat().st_size < 20_000
    code = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({GIGABYTES} << 30,) * 2)\n"
    code += f"import sys; sys.argv = ['t4zoo', 'info', 'show', {str(bomb)!r}]\nfrom t4zoo.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "more than 1,000,000 values" in done.stderr


HEADS: dict[str, bytes] = {
    "nested without end": b'{"classes": [], "version": "x", "a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a number of 10,000 digits": b'{"classes": [], "version": "x", "a": ' + b"9" * 10_000 + b"}",
    "no object": b"[[]]",
}


@pytest.mark.parametrize("head", HEADS)
def test_a_hostile_head_of_a_parquet_file_is_refused(tmp_path: Path, head: str) -> None:
    parquet.save(tmp_path / "good.parquet", info())
    table = pq.read_table(tmp_path / "good.parquet").replace_schema_metadata({META: HEADS[head]})
    pq.write_table(table, tmp_path / "odd.parquet")
    assert "is no file of boxes of this project" in refused_by_all(tmp_path / "odd.parquet", tmp_path)


def test_numbers_beyond_all_measure_are_shown_and_kept(tmp_path: Path) -> None:
    """JSON that a head may hold, though no JSON of ours does."""
    parquet.save(tmp_path / "good.parquet", info(frames=info().frames[:3]))
    head = b'{"classes": ["car"], "version": "x", "a": 1e999, "b": NaN, "c": ' + b"9" * 300 + b', "d": -0.0}'
    pq.write_table(
        pq.read_table(tmp_path / "good.parquet").replace_schema_metadata({META: head}), tmp_path / "odd.parquet"
    )
    shown = json.loads(run("show", tmp_path / "odd.parquet", "--json").stdout)["metainfo"]
    assert shown == {"a": None, "b": None, "c": int("9" * 300), "d": 0.0}
    assert run("diff", tmp_path / "odd.parquet", tmp_path / "odd.parquet").returncode == 0


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_any_bytes_changed_is_read_or_refused_in_words(tmp_path: Path, data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from([".pkl", ".parquet"]))
    good = tmp_path / f"good{suffix}"
    if not good.exists():
        written(good) if suffix == ".pkl" else parquet.save(good, info())
    content = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.sampled_from([len(content), len(content) - 3]) | st.integers(0, len(content)))]
    spoilt = tmp_path / f"spoilt{suffix}"
    spoilt.write_bytes(bytes(content))
    for arguments in (("show", spoilt), ("diff", spoilt, good, "-q"), ("convert", spoilt, tmp_path / "other.pkl")):
        done = run(*arguments)
        assert done.returncode in (0, 1, 2) and "Traceback" not in done.stderr
