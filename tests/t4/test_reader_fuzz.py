"""Whatever stands in a scene's files, it becomes frames or an error that names it, soon and in bounded memory."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from t4zoo.errors import T4zooError
from t4zoo.points import PointsError, read_points
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.labels import read_labels
from t4zoo.t4.piece import Recipe, make
from t4zoo.t4.reader import ReadError, find_recorded, find_scene, read_scene, read_tables
from tests.t4.fuzzing import QUIET, Tables, edits, nested, values, whole_tables
from tests.t4.scenes import GIVEN, ROOT

LABELS = read_labels(
    yaml.safe_load((ROOT / "conf/labels/t4.yaml").read_text()),
    yaml.safe_load((ROOT / "conf/product/base.yaml").read_text())["class_names"],
)
SETTINGS = FrameSettings(LABELS, max_sweeps=2)
BASE = whole_tables(3)
SECONDS = 60  # in which a small scene is read very often, also by a busy machine
KINDS = ("set", "set", "set", "drop", "row", "twice", "lose", "chain", "chain")


@contextmanager
def in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def recipe(scene: Path) -> Recipe:
    return Recipe(scene, scene, "db", "db", "", "", SETTINGS, "", LABELS, scene.parents[1])


def judged(scene: Path) -> str:
    """What is said of a scene that cannot be converted, "" of one that can, whose frames are then in order."""
    with in_time(), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            folder = find_scene(scene.parent, scene.name)
            piece = make(recipe(folder), read_tables(folder))
            frames = frames_of(read_scene(scene.parent, scene.name), "db", SETTINGS)
        except T4zooError as error:
            assert f"scene {scene.parent.name}/{scene.name}:" in str(error)
            assert len(str(error)) < 2_000
            return str(error)
    assert piece.count.frames == len(frames)
    for frame in frames:
        rows = frame.instances
        poses = [frame.lidar2ego, frame.ego2global, *(sweep.lidar2sensor for sweep in frame.sweeps)]
        assert all(np.isfinite(matrix).all() for matrix in (*poses, rows.boxes))
        assert not np.isinf(rows.velocities).any()
        assert (rows.boxes[:, 3:6] > 0).all()
    return ""


@pytest.fixture(scope="module")
def scene() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t4 fuzz ä\n") as name:
        folder = Path(name) / "synth_1" / "0"
        shutil.copytree(GIVEN / "synth_1/0", folder)
        yield folder


def put(scene: Path, tables: Tables) -> None:
    for name, rows in tables.items():
        (scene / "annotation" / f"{name}.json").write_text(json.dumps(rows))


def test_the_scene_that_is_spoilt_here_is_a_good_one(scene: Path):
    put(scene, BASE)
    assert judged(scene) == ""
    assert len(BASE["sample_annotation"]) > 10


@settings(QUIET, max_examples=300)
@given(tables=edits(BASE, KINDS, 3))
def test_any_values_in_the_tables(scene: Path, tables: Tables):
    put(scene, tables)
    judged(scene)


@settings(QUIET, max_examples=150)
@given(data=st.data(), name=st.sampled_from(sorted(BASE)))
def test_any_value_in_any_field_is_taken_or_refused_by_table_and_token(scene: Path, data: st.DataObject, name: str):
    tables = {table: [dict(row) for row in rows] for table, rows in BASE.items()}
    if not tables[name]:
        return
    row = data.draw(st.sampled_from(tables[name]))
    field = data.draw(st.sampled_from(sorted(row)))
    row[field] = data.draw(values(["x"]))
    put(scene, tables)
    if said := judged(scene):
        assert re.search(r"table \w+|info file|file name|lidar file|cloud", said), said


@settings(QUIET, max_examples=100)
@given(
    name=st.sampled_from(sorted(BASE)), begin=st.integers(0, 900), end=st.integers(0, 900), new=st.binary(max_size=12)
)
def test_any_bytes_in_a_table(scene: Path, name: str, begin: int, end: int, new: bytes):
    put(scene, BASE)
    good = json.dumps(BASE[name]).encode()
    (scene / "annotation" / f"{name}.json").write_bytes(good[:begin] + new + good[end:])
    judged(scene)


@settings(QUIET, max_examples=60)
@given(data=st.data(), name=st.sampled_from(sorted(BASE)))
def test_a_table_that_is_cut_off_anywhere_is_refused_by_name(scene: Path, data: st.DataObject, name: str):
    put(scene, BASE)
    good = json.dumps(BASE[name]).encode()
    (scene / "annotation" / f"{name}.json").write_bytes(good[: data.draw(st.integers(0, len(good) - 1))])
    assert f"table {name} cannot be read" in judged(scene)


@settings(QUIET, max_examples=80)
@given(info=st.binary(max_size=60) | st.integers(-3, 70).map(lambda n: json.dumps({"num_pts_feats": n}).encode()),
       size=st.integers(0, 400))  # fmt: skip
def test_clouds_of_any_size_and_info_files_of_any_bytes(scene: Path, info: bytes, size: int):
    tables = {name: [dict(row) for row in rows] for name, rows in BASE.items()}
    cloud = next(row for row in tables["sample_data"] if row["is_key_frame"] and "LIDAR_CONCAT" in row["filename"])
    cloud |= {"filename": "data/odd ü\n.bin", "info_filename": "data/odd.json"}
    put(scene, tables)
    (scene / cloud["filename"]).write_bytes(bytes(size))
    (scene / "data/odd.json").write_bytes(info)
    said = judged(scene)
    assert not said or "odd" in said


@pytest.mark.parametrize("levels", [50, 300, 900, 990, 1_020, 1_100, 100_000])
@pytest.mark.parametrize("place", ['"size": [', '"attribute_tokens": ['])
def test_values_nested_to_any_depth(scene: Path, levels: int, place: str):
    put(scene, BASE)
    path = scene / "annotation/sample_annotation.json"
    path.write_text(path.read_text().replace(place, f"{place}{nested(levels)}, ", 1))
    assert "table sample_annotation" in judged(scene)
    path.write_text(json.dumps(BASE["sample_annotation"]).replace("[{", f'[{{"more": {nested(levels)}, ', 1))
    said = judged(scene)
    assert not said or "table sample_annotation cannot be read" in said


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_chain_of_clouds_that_runs_in_a_circle_is_refused(scene: Path, step: int, valid: bool):
    tables = {name: [dict(row) for row in rows] for name, rows in BASE.items()}
    clouds = [row for row in tables["sample_data"] if "LIDAR_CONCAT" in row["filename"]]
    for number, row in enumerate(clouds):
        row["prev"] = clouds[(number + step) % len(clouds)]["token"]
        row["is_valid"] = valid or number == 0
    put(scene, tables)
    assert ("runs in a circle" in judged(scene)) == (step == 0 or not valid or len(clouds) <= SETTINGS.max_sweeps)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(QUIET, max_examples=60)
@given(name=NAMES, cloud=NAMES)
def test_any_names_of_folders_and_files(tmp_path_factory: pytest.TempPathFactory, name: str, cloud: str):
    if {name, cloud} & {".", ".."} or "\\" in cloud:
        return
    scene = tmp_path_factory.getbasetemp() / "names" / name / "0"
    shutil.rmtree(scene.parents[1], ignore_errors=True)
    (scene / "annotation").mkdir(parents=True)
    (scene / "data").symlink_to(GIVEN / "synth_1/0/data")
    tables = {table: [dict(row) for row in rows] for table, rows in BASE.items()}
    for row in tables["sample_data"]:
        if "LIDAR_CONCAT" in row["filename"]:
            row["filename"] = f"clouds/{cloud}"
    (scene / "clouds").mkdir()
    (scene / "clouds" / cloud).write_bytes(bytes(40))
    put(scene, tables)
    assert judged(scene) == ""


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../../x", "data/../../../x", "data\\x", "", "a\0b", "\ud800", "a" * 300]
)
def test_a_file_name_that_leads_out_of_the_scene_or_is_none_is_refused(scene: Path, name: str):
    tables = {table: [dict(row) for row in rows] for table, rows in BASE.items()}
    next(row for row in tables["sample_data"] if "LIDAR_CONCAT" in row["filename"])["filename"] = name
    put(scene, tables)
    assert "file" in judged(scene)


def test_links_that_lead_out_of_the_scene_are_followed_as_dvc_makes_them(scene: Path, tmp_path: Path):
    put(scene, BASE)
    linked = tmp_path / "synth_1" / "0"
    linked.mkdir(parents=True)
    for part in ("annotation", "data"):
        (linked / part).symlink_to(scene / part)
    pieces = [make(recipe(one), read_tables(one)) for one in (scene, linked)]
    assert pieces[0].frames == pieces[1].frames


def spoil(path: Path, kind: str) -> None:
    """Put what is no file, or no end of one, in the place of a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "endless device":
            path.symlink_to("/dev/zero")
        case "link to itself":
            path.symlink_to(path.name)
        case "link to nothing":
            path.symlink_to("nothing")
        case "socket":
            here = Path.cwd()
            os.chdir(path.parent)  # its name may be short only
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(path.name)
            os.chdir(here)
        case "enormous file":
            with path.open("wb") as file:
                file.truncate(2**40)


KINDS_OF_FILE = ("pipe", "folder", "endless device", "link to itself", "link to nothing", "socket", "enormous file")
PLACES = ("annotation/sample.json", "data/info.json", "data/LIDAR_CONCAT/00000.pcd.bin", "annotation", ".")
CHILD = """
import dataclasses, json, sys
from pathlib import Path
import tests.t4.test_reader_fuzz as fuzz
fuzz.SETTINGS = dataclasses.replace(fuzz.SETTINGS, sample_steps=int(sys.argv[1]))
said = {name: fuzz.judged(Path(name)) for name in sys.argv[2:]}
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps({"said": said, "peak": int(status["VmHWM"].split()[0])}))
"""


def child(*scenes: Path, sample_steps: int = 1) -> tuple[dict[str, str], int]:
    """What `judged` says of each in another process, and the most memory [KiB] that it had."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(sample_steps), *map(str, scenes)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=5 * SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout)
    return told["said"], told["peak"]


def test_what_is_no_file_in_the_place_of_one_is_refused_at_once(scene: Path, tmp_path: Path):
    tables = {table: [dict(row) for row in rows] for table, rows in BASE.items()}
    for row in tables["sample_data"]:
        row["info_filename"] = "data/info.json"
    put(scene, tables)
    (scene / "data/info.json").write_text('{"num_pts_feats": 5}')
    assert judged(scene) == ""
    spoilt = {}
    for number, (kind, place) in enumerate((kind, place) for kind in KINDS_OF_FILE for place in PLACES):
        folder = tmp_path / f"scene_{number}" / "0"
        shutil.copytree(scene, folder)
        spoil(folder / place, kind)
        spoilt[folder] = place.rpartition("/")[2]
    said, peak = child(*spoilt)
    for folder, name in spoilt.items():
        assert name in said[str(folder)] if name not in ("annotation", ".") else said[str(folder)]
    assert peak < 2**20


WORST = {
    "empty lists": "[" + "[]," * 1_499_990 + "[]]",
    "very many empty lists": "[" + "[]," * 19_999_990 + "[]]",
    "short texts": "[" + '"abcd",' * 2_999_990 + '"abcd"]',
    "rows without a token": "[" + '{"a":0},' * 1_499_990 + '{"a":0}]',
    "very many rows without a token": "[" + '{"a":0},' * 7_499_990 + '{"a":0}]',
    "one long text": '["' + "x" * (60 * 2**20) + '"]',
    "half a character and a long text": '["\\ud800' + "x" * (60 * 2**20) + '"]',
    "too many bytes": "[" + " " * (65 * 2**20) + "]",
}


def test_enormous_tables_take_less_than_two_gigabytes(scene: Path, tmp_path: Path):
    put(scene, BASE)
    folders = {name: tmp_path / f"scene_{number}" / "0" for number, name in enumerate(WORST)}
    for name, folder in folders.items():
        shutil.copytree(scene, folder)
        (folder / "annotation/sample_annotation.json").write_text(WORST[name])
    said, peak = child(*folders.values())
    assert all("table sample_annotation" in text for text in said.values())
    assert peak < 2 * 2**20


def long_chain(count: int, valid: bool) -> Tables:
    """The good scene's first sample again and again, one after the other."""
    tables = whole_tables(1)
    sample, cloud = tables["sample"][0], next(row for row in tables["sample_data"] if "LIDAR" in row["filename"])
    before, after = ("", *range(count - 1)), (*range(1, count), "")
    chain = [{"prev": f"{b}", "next": f"{a}"} for b, a in zip(before, after, strict=True)]
    tables["sample"] = [sample | links | {"token": f"{n}", "timestamp": n} for n, links in enumerate(chain)]
    tables["sample_data"] = [
        cloud | links | {"token": f"{n}", "sample_token": f"{n}", "timestamp": n, "is_valid": valid}
        for n, links in enumerate(chain)
    ]
    tables["sample_annotation"] = []
    tables["instance"] = []
    tables["scene"][0] |= {"first_sample_token": "0", "last_sample_token": f"{count - 1}"}
    return tables


def test_a_hundred_thousand_samples_in_one_chain(scene: Path, tmp_path: Path):
    put(scene, BASE)
    folder = tmp_path / "scene" / "0"
    shutil.copytree(scene, folder)
    put(folder, long_chain(100_000, True))
    said, peak = child(folder, sample_steps=10)
    assert said == {str(folder): ""}
    assert peak < 2 * 2**20


def test_many_clouds_behind_the_same_invalid_ones_are_passed_by_once(scene: Path):
    tables = long_chain(6_000, False)
    for number, row in enumerate(tables["sample_data"][3_000:], 3_000):
        row |= {"is_valid": True, "prev": "2999" if number % 2 else f"{number - 1}"}
    put(scene, tables)
    assert judged(scene) == ""


@pytest.mark.parametrize("count", [10_000, 10_001])
def test_boxes_that_could_all_be_merged_are_compared_in_time(scene: Path, count: int):
    tables = whole_tables(1)
    box, instance = tables["sample_annotation"][0], tables["instance"][0]
    kinds = [tables["category"][0] | {"token": name, "name": name} for name in ("truck", "trailer")]
    tables["category"] = kinds
    tables["instance"] = [instance | {"token": one["token"], "category_token": one["token"]} for one in kinds]
    tables["sample_annotation"] = [
        box | {"token": f"{n}", "instance_token": kinds[n % 2]["token"], "translation": [n, 0.0, 0.0], "next": ""}
        for n in range(count)
    ]
    for row in tables["instance"]:
        row |= {"first_annotation_token": "", "last_annotation_token": ""}
    put(scene, tables)
    assert ("10,001 boxes" in judged(scene)) == (count > 10_000)


@pytest.mark.parametrize(("name", "revision"), [("x" * 300, None), ("synth_1", "9" * 5_000), ("nothing", None)])
def test_a_scene_that_no_folder_can_hold_is_refused(scene: Path, name: str, revision: str | None):
    for find in (find_scene, find_recorded):
        with pytest.raises(ReadError, match=f"scene {name}"):
            find(scene.parents[1] / name, revision)


@settings(QUIET, max_examples=60)
@given(content=st.binary(max_size=200), features=st.integers(3, 64))
def test_read_points_takes_whole_points_and_nothing_else(tmp_path_factory, content: bytes, features: int):
    path = tmp_path_factory.getbasetemp() / "cloud.bin"
    path.write_bytes(content)
    if content and len(content) % (4 * features) == 0:
        assert read_points(path, features).tobytes() == content
    else:
        with pytest.raises(PointsError, match=r"cloud\.bin"):
            read_points(path, features)
