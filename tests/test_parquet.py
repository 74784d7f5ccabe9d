"""The Parquet twin: what is written is read back, the same input gives the same bytes, and broken files are told."""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.boxes import BoxTable
from t4zoo.info import Frame, Predictions, Sweep
from t4zoo.parquet import BoxFile, ParquetError, writing

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
