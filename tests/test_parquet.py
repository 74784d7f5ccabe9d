"""The Parquet twin: what is written is read back, the same input gives the same bytes, and broken files are told."""

from __future__ import annotations

import dataclasses
import json
import uuid
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo import info as pickled
from t4zoo import parquet
from t4zoo.boxes import BoxTable
from t4zoo.info import Frame, Info, Instances, Predictions, Sweep
from t4zoo.parquet import META, MOST_VALUES, BoxFile, ParquetError, writing
from tests.test_info import frames as any_frames
from tests.test_info import words

CLASSES = ("car", "pedestrian")


def predictions(count: int, seed: int) -> Predictions:
    numbers = np.random.default_rng(seed)
    return Predictions(
        numbers.normal(size=(count, 7)).round(9),
        numbers.normal(size=(count, 2)).round(9),
        numbers.integers(0, 2, count),
        numbers.random(count).round(9),
        tuple(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{i}")) for i in range(count)),
    )


def frame(scene: str, index: int) -> Frame:
    pose = np.arange(16.0).reshape(4, 4) + index
    path = f"set/{scene}/data/LIDAR_CONCAT/{index:05d}.pcd.bin"
    sweep = Sweep(index - 0.1, f"sweep{index}", path, pose, pose, pose, 5)
    return Frame(
        sample_idx=index,
        token=f"token{index}",
        timestamp=float(index),
        scene=scene,
        scene_token="s",
        scene_name="",
        location="",
        lidar_path=path,
        num_pts_feats=5,
        lidar2ego=pose,
        ego2global=pose,
        sweeps=(sweep,) * (index % 2),
        images={"CAM_FRONT": {"img_path": None, "cam2img": [[1.0, 0.0]]}},
    )


def write(path: Path, scenes: dict[str, list[int]]) -> dict[str, list[Predictions]]:
    made = {
        name: [predictions(count, 10 * n + i) for i, count in enumerate(counts)]
        for n, (name, counts) in enumerate(scenes.items())
    }
    with writing(path, CLASSES, "set", {"model": {"name": "M/x"}}) as add:
        for name, rows in made.items():
            add([frame(name, i) for i in range(len(rows))], BoxTable.of(rows))
    return made


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=4), max_size=3))
def test_what_is_written_is_read_back_scene_by_scene(tmp_path_factory: pytest.TempPathFactory, counts):
    path = tmp_path_factory.mktemp("twin") / "boxes.parquet"
    made = write(path, {f"scene{i}/0": count for i, count in enumerate(counts)})
    file = BoxFile(path)
    assert (file.scenes, file.classes, file.version) == (tuple(made), CLASSES, "set")
    assert file.extra == {"model": {"name": "M/x"}}
    for index, (name, rows) in enumerate(made.items()):
        boxes, frames = file.boxes(index), file.frames(index)
        for i, wanted in enumerate(rows):
            found = boxes.of_frame(i)
            for field in dataclasses.fields(Predictions):
                np.testing.assert_array_equal(getattr(found, field.name), getattr(wanted, field.name))
            expected = frame(name, i)
            assert (frames[i].token, frames[i].scene, frames[i].images) == (expected.token, name, expected.images)
            np.testing.assert_array_equal(frames[i].ego2global, expected.ego2global)
            assert [sweep.token for sweep in frames[i].sweeps] == [sweep.token for sweep in expected.sweeps]


def test_the_same_boxes_give_the_same_bytes(tmp_path: Path):
    for name in ("one.parquet", "two.parquet"):
        write(tmp_path / name, {"a/0": [3, 0, 2], "b/0": [1]})
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_rows_that_are_taken_stay_in_their_frames():
    table = BoxTable.of([predictions(3, 0), predictions(0, 1), predictions(2, 2)])
    few = table.take(table.scores > np.median(table.scores))
    assert (
        few.starts.tolist()
        == np.searchsorted(np.flatnonzero(table.scores > np.median(table.scores)), [0, 3, 3, 5]).tolist()
    )
    assert set(few.frames.tolist()) <= {0, 2}


def test_any_reader_of_parquet_sees_a_row_a_frame(tmp_path: Path):
    write(tmp_path / "boxes.parquet", {"a/0": [3, 0], "b/0": [1]})
    rows = pq.read_table(tmp_path / "boxes.parquet").to_pylist()
    assert [(row["scene"], len(row["boxes"])) for row in rows] == [("a/0", 3), ("a/0", 0), ("b/0", 1)]


@pytest.mark.parametrize("spoil", ["missing", "cut", "text", "foreign"])
def test_a_file_that_is_none_is_told_in_a_line(tmp_path: Path, spoil: str):
    path = tmp_path / "boxes.parquet"
    write(path, {"a/0": [3]})
    content = path.read_bytes()
    if spoil == "missing":
        path.unlink()
    elif spoil == "foreign":
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    else:
        path.write_bytes(content[:-20] if spoil == "cut" else b"boxes")
    with pytest.raises(ParquetError, match=r"boxes\.parquet: (no such file|is no file of boxes)"):
        BoxFile(path)


def test_ids_come_back_as_they_were_spelt():
    frames = [predictions(3, 0), predictions(0, 1), predictions(2, 2)]
    table = BoxTable.of(frames)
    assert [table.of_frame(i).ids for i in range(3)] == [tuple(map(str, frame.ids)) for frame in frames]
    assert all(str(uuid.UUID(name)) == name for name in table.of_frame(0).ids)


builtins = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, width=32) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def again(path: Path) -> Info:
    """All that the Parquet file holds."""
    file = BoxFile(path)
    frames = (frame for scene in range(len(file.scenes)) for frame in file.whole_frames(scene))
    return Info(file.classes, file.version, tuple(frames), file.extra)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(any_frames(), st.sampled_from("ab"), builtins), max_size=4),
    st.dictionaries(words.filter(lambda word: word not in ("classes", "version")), builtins, max_size=3),
)
def test_an_info_file_is_the_same_byte_for_byte_after_it_was_parquet(tmp_path_factory, members, extra):
    folder = tmp_path_factory.mktemp("round")
    frames = (dataclasses.replace(frame, scene=scene, images={"CAM": notes}) for frame, scene, notes in members)
    info = Info(("car", "bus"), "base", tuple(frames), extra)
    pickled.save(folder / "before.pkl", info)
    parquet.save(folder / "info.parquet", pickled.load(folder / "before.pkl"))
    pickled.save(folder / "after.pkl", again(folder / "info.parquet"))
    assert (folder / "after.pkl").read_bytes() == (folder / "before.pkl").read_bytes()
    parquet.save(folder / "again.parquet", again(folder / "info.parquet"))
    assert (folder / "again.parquet").read_bytes() == (folder / "info.parquet").read_bytes()


def test_frames_without_predictions_and_frames_with_none_are_told_apart(tmp_path: Path):
    frames = tuple(
        dataclasses.replace(frame("a/0", index), predictions=rows)
        for index, rows in enumerate((None, Predictions.empty(), predictions(2, 0), None))
    )
    parquet.save(tmp_path / "info.parquet", Info(CLASSES, "x", frames))
    held = [one.predictions for one in again(tmp_path / "info.parquet").frames]
    assert [None if rows is None else len(rows) for rows in held] == [None, 0, 2, None]
    assert BoxFile(tmp_path / "info.parquet").boxes(0).starts.tolist() == [0, 0, 0, 2, 2]


def test_a_scene_is_read_without_the_others(tmp_path: Path):
    """Row groups end with scenes, so that a reader holds one at a time."""
    frames = tuple(frame(scene, index) for scene in ("a/0", "b/0", "a/0") for index in range(2))
    parquet.save(tmp_path / "info.parquet", Info(CLASSES, "x", frames))
    file = BoxFile(tmp_path / "info.parquet")
    assert file.scenes == ("a/0", "b/0", "a/0")
    assert [one.scene for one in file.whole_frames(1)] == ["b/0", "b/0"]
    held = pq.ParquetFile(tmp_path / "info.parquet").metadata
    assert [held.row_group(group).num_rows for group in range(held.num_row_groups)] == [2, 2, 2]


def annotated(scene: str, index: int, labels: list[int]) -> Frame:
    count = len(labels)
    rows = Instances(
        np.full((count, 7), index + 0.5),
        np.full((count, 2), np.nan),
        np.array(labels, dtype=np.int64),
        np.arange(count) + 3,
        np.zeros(count, dtype=np.int64),
        tuple(f"vehicle.{label}" for label in labels),
        tuple(("parked",) * (place % 2) for place in range(count)),
        tuple(f"{scene}/{place}" for place in range(count)),
    )
    return dataclasses.replace(frame(scene, index), instances=rows, predictions=predictions(index, 7))


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """Two scenes with cars, pedestrians and an object of no class."""
    frames = (
        annotated("a/0", 0, [0, 0, 1]),
        annotated("a/0", 1, []),
        annotated("a/0", 2, [0]),
        annotated("b/1", 3, [1, -1, 1]),
    )
    parquet.save(tmp_path / "info.parquet", Info(CLASSES, "x", frames))
    return tmp_path / "info.parquet"


def test_duckdb_counts_the_objects_of_each_class_in_each_scene(city: Path):
    question = f"""
        SELECT scene, o.class AS class, count(*) AS objects, min(o.num_lidar_pts) AS fewest
        FROM (SELECT scene, unnest(instances) AS o FROM '{city}') WHERE o.label >= 0 GROUP BY ALL ORDER BY ALL
    """
    assert duckdb.sql(question).fetchall() == [
        ("a/0", "car", 3, 3),
        ("a/0", "pedestrian", 1, 5),
        ("b/1", "pedestrian", 2, 3),
    ]
    told = f"SELECT scene, len(boxes), len(sweeps), ego2global[4] FROM '{city}' ORDER BY timestamp LIMIT 1"
    assert duckdb.sql(told).fetchall() == [("a/0", 0, 0, 3.0)]
    parked = (
        f"SELECT count(*) AS parked FROM (SELECT unnest(instances) AS o FROM '{city}') WHERE 'parked' IN o.attributes"
    )
    assert duckdb.sql(parked).fetchall() == [(2,)]
    image = f"SELECT images::JSON -> '$.CAM_FRONT.cam2img[0][0]' FROM '{city}' LIMIT 1"
    assert duckdb.sql(image).fetchall() == [("1.0",)]


def test_polars_counts_the_objects_of_each_class_in_each_scene(city: Path):
    objects = pl.scan_parquet(city).select("scene", "instances").explode("instances").unnest("instances")
    counts = objects.filter(pl.col("label") >= 0).group_by("scene", "class").len().sort("scene", "class").collect()
    assert counts.rows() == [("a/0", "car", 3), ("a/0", "pedestrian", 1), ("b/1", "pedestrian", 2)]
    scores = pl.read_parquet(city).select(pl.col("boxes").list.eval(pl.element().struct.field("score")).list.mean())
    assert [score is None for score in scores["boxes"]] == [True, False, False, False]


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        ("images", {"CAM": {1: "a"}}, "the key 1 is no text"),
        ("images", {"CAM": Path()}, "builtins only"),
        ("scene_name", "\ud800", "surrogates"),
        ("sample_idx", 2**70, "too large"),
    ],
)
def test_what_has_no_place_in_the_columns_is_refused_by_scene_and_leaves_nothing(tmp_path: Path, where, value, told):
    odd = dataclasses.replace(frame("a/0", 0), **{where: value})
    with pytest.raises(ParquetError, match=rf"info\.parquet: a/0 has no place.*{told}"):
        parquet.save(tmp_path / "info.parquet", Info(CLASSES, "x", (odd,)))
    with pytest.raises(ParquetError, match=r"info\.parquet: its metainfo has no place.*the key 1 is no text"):
        parquet.save(tmp_path / "info.parquet", Info(CLASSES, "x", (), {"a": {1: 2}}))
    assert not list(tmp_path.iterdir())


HEADS: dict[str, bytes] = {
    "nested without end": b'{"classes": [], "version": "x", "a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a number of 10,000 digits": b'{"classes": [], "version": "x", "a": ' + b"9" * 10_000 + b"}",
    "classes that are none": b'{"classes": [1, {}], "version": "x"}',
    "classes that are a number": b'{"classes": 5, "version": "x"}',
    "a list": b"[]",
    "no JSON": b"\xff{",
}


@pytest.mark.parametrize("head", HEADS)
def test_a_hostile_head_is_told_in_a_line(tmp_path: Path, city: Path, head: str):
    pq.write_table(pq.read_table(city).replace_schema_metadata({META: HEADS[head]}), tmp_path / "odd.parquet")
    with pytest.raises(ParquetError, match=r"odd\.parquet: is no file of boxes"):
        BoxFile(tmp_path / "odd.parquet")


def test_a_small_file_that_promises_billions_of_values_is_not_believed(tmp_path: Path):
    places = np.zeros(MOST_VALUES + 1, dtype=np.int8)
    many = pa.table({"scene": pa.DictionaryArray.from_arrays(places, ["a"])})
    meta = json.dumps({"classes": [], "version": "x"}).encode()
    pq.write_table(many.replace_schema_metadata({META: meta}), tmp_path / "bomb.parquet", row_group_size=1 << 30)
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    with pytest.raises(ParquetError, match=r"says that it holds 16,777,217 values"):
        BoxFile(tmp_path / "bomb.parquet")


def spoiled(table: pa.Table, column: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(column), column, pa.array(values))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("boxes", "text"),
        ("boxes", [{"x": 1.0}]),
        ("instances", [{"x": "text"}]),
        ("instances", 5),
        ("images", "[" * 100_000),
        ("images", "9" * 10_000),
        ("sweeps", [{"token": "a"}]),
        ("lidar2ego", [1.0]),
        ("sample_idx", None),
    ],
)
def test_a_column_of_another_kind_is_told_in_a_line(city: Path, tmp_path: Path, column: str, value: Any):
    table = pq.read_table(city)
    path = tmp_path / "odd.parquet"
    pq.write_table(spoiled(table.slice(0, 1), column, [value]), path)
    with pytest.raises(ParquetError, match=r"odd\.parquet: a/0 cannot be read"):
        BoxFile(path).whole_frames(0)
