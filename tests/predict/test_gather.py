"""What is gathered: an info file and a Parquet file that say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from t4zoo.info import Info, load
from t4zoo.parquet import BoxFile
from t4zoo.predict.gather import gather
from tests.predict.scenes import CLASSES, make_folders, predict

MODEL = {"model": {"name": "CenterPoint/t4base@v1.0.0", "checkpoint_sha256": "0" * 64}}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    scenes = [predict(folder, frames) for folder, frames in zip(make_folders(tmp_path, "ab"), (2, 3), strict=True)]
    path = tmp_path / "raw" / "boxes.pkl"
    path.parent.mkdir()
    written = gather(scenes, path, path.parent, CLASSES, "raw_v1", MODEL)
    assert (written.frames, written.boxes) == (5, 9)
    return path


def test_the_two_files_hold_the_same_numbers(out: Path):
    info, table = load(out), BoxFile(out.with_suffix(".parquet"))
    assert (info.classes, info.version, info.extra) == (table.classes, table.version, table.extra)
    assert info.extra == MODEL
    frames = [frame for scene in range(len(table.scenes)) for frame in table.frames(scene)]
    rows = [boxes.of_frame(i) for boxes in map(table.boxes, range(2)) for i in range(len(boxes.starts) - 1)]
    for one, other, found in zip(info.frames, frames, rows, strict=True):
        assert (one.token, one.scene, one.timestamp) == (other.token, other.scene, other.timestamp)
        assert (one.lidar_path, one.sample_idx, one.images) == (other.lidar_path, other.sample_idx, other.images)
        assert np.array_equal(one.ego2global, other.ego2global)
        assert one.predictions is not None and one.predictions.ids == found.ids
        for name in ("boxes", "velocities", "labels", "scores"):
            assert np.array_equal(getattr(one.predictions, name), getattr(found, name), equal_nan=name == "velocities")


def test_pyarrow_alone_counts_boxes_by_class_and_scene(out: Path):
    info = load(out)
    table = ds.dataset(out.with_suffix(".parquet")).to_table(columns=["scene", "boxes"])
    boxes = table["boxes"].combine_chunks()
    assert pc.list_value_length(boxes).to_pylist() == [len(frame.predictions or ()) for frame in info.frames]
    sure = pc.sum(pc.greater(pc.struct_field(boxes.flatten(), "score"), 0.5)).as_py()
    assert sure == sum(int((frame.predictions.scores > 0.5).sum()) for frame in info.frames if frame.predictions)
    assert pc.value_counts(table["scene"]).to_pylist() == [
        {"values": "a/0", "counts": 2},
        {"values": "b/0", "counts": 3},
    ]


def test_what_fails_on_the_way_leaves_what_was_there(out: Path):
    before = {path.name: path.read_bytes() for path in out.parent.iterdir()}

    def scenes():
        yield predict(Path("a"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gather(scenes(), out, out.parent, CLASSES, "raw_v1", {})
    assert {path.name: path.read_bytes() for path in out.parent.iterdir()} == before


def test_a_set_without_a_single_frame_is_written_too(tmp_path: Path):
    assert gather([], tmp_path / "none.pkl", tmp_path, CLASSES, "raw_v1", {}) == (0, 0)
    empty = load(tmp_path / "none.pkl")
    assert empty.frames == Info(CLASSES, "raw_v1", ()).frames
    assert BoxFile(tmp_path / "none.parquet").scenes == ()
