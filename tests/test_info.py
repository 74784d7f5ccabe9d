import hashlib
import json
import math
import os
import pickle
import pickletools
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.geometry import rotation_from_yaw, transform
from t4zoo.info import Frame, Info, InfoError, Instances, Predictions, Sweep, load, save, saving

ROOT = Path(__file__).resolve().parents[1]

numbers = st.floats(-1e4, 1e4).map(lambda value: round(value, 6))
words = st.text(st.characters(codec="utf-8"), max_size=12)


@st.composite
def matrices(draw) -> np.ndarray:
    return transform(rotation_from_yaw(draw(st.floats(-3, 3))), [draw(numbers) for _ in range(3)])


def rows(draw, count: int, width: int) -> np.ndarray:
    return np.array([[draw(numbers) for _ in range(width)] for _ in range(count)]).reshape(count, width)


@st.composite
def instances(draw) -> Instances:
    n = draw(st.integers(0, 3))
    counts = [np.array(draw(st.lists(st.integers(0, 99), min_size=n, max_size=n)), dtype=np.int64) for _ in range(2)]
    velocities = rows(draw, n, 2)
    velocities[draw(st.lists(st.booleans(), min_size=n, max_size=n))] = math.nan
    return Instances(
        rows(draw, n, 7),
        velocities,
        np.array(draw(st.lists(st.integers(-1, 4), min_size=n, max_size=n)), dtype=np.int64),
        *counts,
        tuple(draw(words) for _ in range(n)),
        tuple(tuple(draw(st.lists(words.filter(bool), max_size=2))) for _ in range(n)),
        tuple(draw(words) for _ in range(n)),
    )


@st.composite
def predictions(draw) -> Predictions:
    n = draw(st.integers(0, 3))
    labels = np.array(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)), dtype=np.int64)
    scores = np.array([draw(st.floats(0, 1).map(lambda v: round(v, 6))) for _ in range(n)])
    return Predictions(rows(draw, n, 7), rows(draw, n, 2), labels, scores, tuple(draw(words) for _ in range(n)))


@st.composite
def frames(draw) -> Frame:
    sweep = Sweep(draw(numbers), draw(words), "d/s/0/data/L/0.bin", *(draw(matrices()) for _ in range(3)), 5)
    return Frame(
        sample_idx=draw(st.integers(0, 999)),
        token=draw(words),
        timestamp=draw(numbers),
        scene="s/0",
        scene_token=draw(words),
        scene_name=draw(words),
        location=draw(words),
        lidar_path="d/s/0/data/L/1.bin",
        num_pts_feats=draw(st.integers(3, 9)),
        lidar2ego=draw(matrices()),
        ego2global=draw(matrices()),
        sweeps=(sweep,) * draw(st.integers(0, 2)),
        instances=draw(instances()),
        predictions=draw(st.none() | predictions()),
        images={"CAM_FRONT": {"img_path": draw(words), "cam2img": [[1.0, 0.0, 0.0]], "height": None}},
        lidar_sources={"LIDAR_TOP": {"translation": [0.0, draw(numbers), 0.0]}},
        city=draw(words),
        vehicle_type=draw(words),
    )


def assert_same(one: Any, other: Any) -> None:
    """Equal field by field, arrays to the file's nine decimals."""
    if isinstance(one, np.ndarray):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, atol=1e-9, rtol=0)
    elif hasattr(one, "__dataclass_fields__"):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


@settings(max_examples=60, deadline=None)
@given(st.lists(frames(), max_size=3))
def test_an_info_file_gives_back_what_was_saved(tmp_path_factory, written):
    info = Info(("car", "bus"), "base", tuple(written), {"max_sweeps": 1})
    path = tmp_path_factory.mktemp("info") / "info.pkl"
    save(path, info)
    assert_same(info, load(path))


def example() -> Info:
    box = Instances(
        np.array([[1.0, 2, 3, 4, 5, 6, -0.0]]),
        np.array([[math.nan, 1 / 3]]),
        np.array([0]),
        np.array([7]),
        np.array([0]),
        ("vehicle.car",),
        (("parked", "parked"),),
        ("token",),
    )
    frame = Frame(
        0, "t", 1.5, "s/0", "st", "name", "", "d/s/0/data/L/0.bin", 5, np.eye(4), np.eye(4), instances=box,
        images={"CAM": {"cam2ego": np.eye(4), "width": np.int64(3)}},
    )  # fmt: skip
    return Info(("car", "bus"), "base", (frame, frame))


def test_the_file_holds_builtins_only(tmp_path: Path):
    save(tmp_path / "info.pkl", example())
    opcodes = {op.name for op, _, _ in pickletools.genops((tmp_path / "info.pkl").read_bytes())}
    assert not opcodes & {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "REDUCE", "BUILD", "EXT1"}
    assert "MARK" in opcodes  # it is a pickle with content after all


def test_plain_pickle_reads_the_layout_of_awml_and_mmdet3d(tmp_path: Path):
    save(tmp_path / "info.pkl", example())
    data = pickle.loads((tmp_path / "info.pkl").read_bytes())
    assert data["metainfo"] == {"classes": ["car", "bus"], "version": "base"}
    frame = data["data_list"][0]
    assert {"sample_idx", "token", "timestamp", "ego2global", "images", "lidar_points", "radar_points", "lidar_sweeps",
            "image_sweeps", "instances", "instances_ignore", "pts_semantic_mask_path", "scene_token", "scene_name",
            "location", "city", "vehicle_type", "lidar_sources"} <= frame.keys()  # fmt: skip
    box = frame["instances"][0]
    assert box["bbox_3d"] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0]
    assert (box["bbox_label"], box["bbox_label_3d"], box["bbox_3d_isvalid"], box["num_lidar_pts"]) == (0, 0, True, 7)
    assert (box["gt_nusc_name"], box["gt_attrs"]) == ("vehicle.car", ["parked", "parked"])


def test_equal_infos_have_equal_bytes_under_any_hash_seed_and_object_identity(tmp_path: Path):
    program = "import sys; from pathlib import Path; from tests.test_info import *; save(Path(sys.argv[1]), example())"
    digests = set()
    for seed in range(8):
        path = tmp_path / f"{seed}.pkl"
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, env=environment, check=True)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    save(tmp_path / "here.pkl", load(tmp_path / "0.pkl"))
    digests.add(hashlib.sha256((tmp_path / "here.pkl").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_bytes_do_not_depend_on_how_the_frames_are_dealt_out(tmp_path: Path):
    info = example()
    save(tmp_path / "at_once.pkl", info)
    with saving(tmp_path / "one_by_one.pkl", info.classes, info.version, info.extra) as write:
        for frame in info.frames:
            write([frame])
        write([])
    assert (tmp_path / "at_once.pkl").read_bytes() == (tmp_path / "one_by_one.pkl").read_bytes()


def test_a_file_that_was_not_written_to_its_end_does_not_exist(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), saving(tmp_path / "info.pkl", ("car",), "base", {}) as write:
        write(frame for frame in (*example().frames, 1 / 0))
    assert not list(tmp_path.iterdir())


class Harmful:
    def __init__(self, name: str, *arguments: Any) -> None:
        self.call = name, arguments

    def __reduce__(self):
        module, _, name = self.call[0].rpartition(".")
        return getattr(__import__(module), name), self.call[1]


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "os.remove"])
def test_a_harmful_file_is_refused_before_it_does_anything(tmp_path: Path, name: str):
    victim = tmp_path / "victim"
    victim.write_text("here")
    argument = {
        "os.system": f"rm {victim}",
        "builtins.eval": f"__import__('os').remove({str(victim)!r})",
        "os.remove": str(victim),
    }[name]
    (tmp_path / "info.pkl").write_bytes(pickle.dumps({"metainfo": Harmful(name, argument), "data_list": []}))
    with pytest.raises(InfoError, match=name.rpartition(".")[2]):
        load(tmp_path / "info.pkl")
    assert victim.exists()


def test_the_harmful_file_really_would_do_harm(tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_text("here")
    pickle.loads(pickle.dumps(Harmful("os.remove", str(victim))))
    assert not victim.exists()


def test_numpy_values_as_awml_writes_them_are_read(tmp_path: Path):
    save(tmp_path / "info.pkl", example())
    data = pickle.loads((tmp_path / "info.pkl").read_bytes())
    for frame in data["data_list"]:
        frame["ego2global"] = np.array(frame["ego2global"])
        for row in frame["instances"]:
            row["bbox_3d_isvalid"], row["num_lidar_pts"] = np.bool_(True), np.int64(7)
            del row["instance_token"]
        del frame["scene"]
    (tmp_path / "awml.pkl").write_bytes(pickle.dumps(data))
    read = load(tmp_path / "awml.pkl")
    assert read.frames[0].scene == "s/0"
    assert read.frames[0].instances.num_lidar_pts.tolist() == [7]


@pytest.mark.parametrize(
    ("path", "scene"),
    [
        ("db_x_v1/e4359aff/3/data/LIDAR_CONCAT/00000.pcd.bin", "e4359aff/3"),
        ("pseudo_xx1/e4359aff/data/LIDAR_CONCAT/00000.pcd.bin", "e4359aff"),
        ("00000.pcd.bin", ""),
    ],
)
def test_a_file_that_names_no_scene_has_that_of_its_path(tmp_path: Path, path: str, scene: str):
    save(tmp_path / "info.pkl", example())
    data = pickle.loads((tmp_path / "info.pkl").read_bytes())
    for frame in data["data_list"]:
        frame["lidar_points"]["lidar_path"] = path
        del frame["scene"]
    (tmp_path / "info.pkl").write_bytes(pickle.dumps(data))
    assert load(tmp_path / "info.pkl").frames[0].scene == scene


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1]), pickle.dumps({"metainfo": {}})])
def test_what_is_no_info_file_is_refused_by_name(tmp_path: Path, content: bytes):
    (tmp_path / "info.pkl").write_bytes(content)
    with pytest.raises(InfoError, match=r"info\.pkl"):
        load(tmp_path / "info.pkl")


def test_a_cut_off_file_is_refused(tmp_path: Path):
    save(tmp_path / "info.pkl", example())
    whole = (tmp_path / "info.pkl").read_bytes()
    for size in (1, 20, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.pkl").write_bytes(whole[:size])
        with pytest.raises(InfoError):
            load(tmp_path / "cut.pkl")


def test_a_missing_file_says_how_to_get_it(tmp_path: Path):
    with pytest.raises(InfoError, match="dvc pull"):
        load(tmp_path / "info.pkl")


def test_a_value_that_is_no_builtin_is_not_written_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(TypeError):
        save(tmp_path / "info.pkl", Info(("car",), "base", (), {"path": Path()}))
    assert not list(tmp_path.iterdir())


def test_the_layout_survives_json(tmp_path: Path):
    save(tmp_path / "info.pkl", example())
    json.dumps(pickle.loads((tmp_path / "info.pkl").read_bytes()))
