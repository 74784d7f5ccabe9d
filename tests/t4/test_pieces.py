"""A scene is made once, and again when anything that it is made from has changed."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from t4zoo.errors import UsageError
from t4zoo.info import load
from t4zoo.spread import SpreadError, processes, spread
from t4zoo.t4.convert import Sources, create_info
from t4zoo.t4.piece import CODE
from t4zoo.t4.reader import ReadError
from tests.pipeline import import_graph, library_files
from tests.t4.scenes import GIVEN, ROOT, edit, write_list

LABELS = yaml.safe_load((ROOT / "conf" / "labels" / "t4.yaml").read_text())
PRODUCT = yaml.safe_load((ROOT / "conf" / "product" / "base.yaml").read_text())
SCENE = "data/db_given_v1/synth_1/0"
FALSE = 987_654_321  # what a kept piece is made to say, so that whoever uses it can be told


def convert(root: Path, out: str = "info/base", cache: str = "cache", labels: dict = LABELS, **changes: Any) -> dict:
    entry = {"name": "db_given_v1", "sample_steps": changes.pop("sample_steps", 1)}
    workers, speed = changes.pop("workers", 1), changes.pop("max_speed", 50.0)
    product = PRODUCT | {"datasets": [entry]} | changes
    sources = Sources(root / "data", root / "lists")
    return create_info(product, labels, sources, root / out, speed, None, workers, root / cache if cache else None)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Two scenes of others, which were copied a while ago."""
    return workspace_in(tmp_path)


def workspace_in(root: Path) -> Path:
    for name in ("synth_1", "synth_2"):
        shutil.copytree(GIVEN / name, root / "data" / "db_given_v1" / name)
    (root / SCENE / "data" / "info.json").write_text('{"num_pts_feats": 5}')
    edit(root / SCENE, "sample_data", lambda rows: rows[0].update(info_filename="data/info.json"))
    (root / "lists").mkdir()
    write_list(root / "lists", "db_given_v1", train=["synth_1/0"], test=["synth_2/0"])
    return root


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were written just now are believed to be unchanged, as they are a moment later."""
    monkeypatch.setattr("t4zoo.t4.stamps.RECENT", 0)


def forge(root: Path, cache: str = "cache") -> None:
    """Let every kept piece say that it has FALSE points."""
    for path in (root / cache).glob("??/*"):
        head, _, frames = path.read_bytes().partition(b"\n")
        told = json.loads(head)
        told["count"]["points"] = FALSE
        path.write_bytes(json.dumps(told).encode() + b"\n" + frames)


@pytest.mark.usefixtures("settled")
def test_what_did_not_change_is_taken_from_the_cache_by_other_products_too(given: Path):
    convert(given)
    forge(given)
    assert convert(given)["train"]["points"] == FALSE
    assert convert(given, out="info/other")["test"]["points"] == FALSE
    shutil.rmtree(given / "info")
    (given / "cache" / "stamps.json").unlink()  # nothing is known of the files, so they are read and known again
    assert convert(given)["train"]["points"] == FALSE


def test_without_a_cache_the_info_files_that_are_here_are_used(given: Path):
    convert(given, cache="")
    index = given / "info" / "base" / "pieces.json"
    data = json.loads(index.read_text())
    for row in data["pieces"]:
        row["count"]["points"] = FALSE
    index.write_text(json.dumps(data))
    assert convert(given, cache="")["train"]["points"] == FALSE
    assert convert(given, out="info/other", cache="")["train"]["points"] == FALSE
    assert load(given / "info/other/info_train.pkl").frames[3].token


def same_size_and_time(root: Path) -> None:
    path = root / SCENE / "annotation" / "sample_annotation.json"
    before = path.stat()
    rows = json.loads(path.read_text())
    rows[0]["num_lidar_pts"], rows[1]["num_lidar_pts"] = 77, 11
    text = json.dumps(rows)
    path.write_text(text + " " * max(0, before.st_size - len(text)))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def another_cloud(root: Path) -> None:
    path = root / SCENE / "data" / "LIDAR_CONCAT" / "00001.pcd.bin"
    path.write_bytes(path.read_bytes()[:-20])


def other_features(root: Path) -> None:
    (root / SCENE / "data" / "info.json").write_text('{"num_pts_feats": 3}')


def a_table(root: Path) -> None:
    edit(root / SCENE, "log", lambda rows: rows[0].update(location="kashiwa"))


def another_revision(root: Path) -> None:
    (root / SCENE).rename((root / SCENE).with_name("1"))
    write_list(root / "lists", "db_given_v1", train=["synth_1/1"], test=["synth_2/0"])


def another_city(root: Path) -> None:
    write_list(root / "lists", "db_given_v1", train=["synth_1/0/odaiba/j6"], test=["synth_2/0"])


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "change", [same_size_and_time, another_cloud, other_features, a_table, another_revision, another_city]
)
def test_a_change_of_what_a_scene_is_made_from_is_noticed(given: Path, change: Callable[[Path], None]):
    convert(given)
    before = digests(given / "info/base")
    change(given)
    forge(given)
    statistics = convert(given)
    assert statistics["train"]["points"] != FALSE
    assert statistics["test"]["points"] == FALSE
    convert(given, out="elsewhere/base", cache="")
    assert digests(given / "info/base")["info_train.pkl"] == digests(given / "elsewhere/base")["info_train.pkl"]
    assert digests(given / "info/base") != before


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "changes",
    [
        {"sample_steps": 2},
        {"max_sweeps": PRODUCT["max_sweeps"] + 1},
        {"max_speed": 1.0},
        {"class_names": ["car", "truck"]},
        {"labels": LABELS | {"merge_distance": 3.0}},
        {"labels": LABELS | {"filter_attributes": []}},
        {"labels": LABELS | {"name_mapping": LABELS["name_mapping"] | {"car": "truck"}}},
    ],
)
def test_a_change_of_the_configuration_is_noticed(given: Path, changes: dict[str, Any]):
    convert(given)
    forge(given)
    assert convert(given, **changes)["train"]["points"] != FALSE
    assert convert(given)["train"]["points"] == FALSE  # and what was made before is still there


@pytest.mark.usefixtures("settled")
def test_a_damaged_piece_is_made_anew(given: Path):
    convert(given)
    before = digests(given / "info/base")
    shutil.rmtree(given / "info")
    for damage in (lambda data: data[:-1], lambda data: data[:-9] + b"x" + data[-8:], lambda data: b"["):
        for path in (given / "cache").glob("??/*"):
            path.write_bytes(damage(path.read_bytes()))
        (given / "cache" / "stamps.json").write_text("{")
        convert(given)
        assert digests(given / "info/base") == before
        shutil.rmtree(given / "info")


def test_files_that_were_touched_a_moment_ago_are_read_again(given: Path):
    convert(given)
    assert not (given / "cache" / "stamps.json").exists()
    another = given / SCENE / "annotation" / "log.json"
    content = another.read_text()
    another.write_text(content.replace("nowhere", "towhere"))
    convert(given)
    assert load(given / "info/base/info_train.pkl").frames[0].location == "towhere"


def test_the_bytes_are_those_of_one_process_in_one_place_without_a_cache(given: Path, tmp_path_factory):
    convert(given, cache="")
    other = workspace_in(tmp_path_factory.mktemp("a place with another name"))
    convert(other, workers=3)
    assert digests(given / "info/base") == digests(other / "info/base")
    convert(other, workers=3)
    assert digests(given / "info/base") == digests(other / "info/base")


def test_all_broken_scenes_are_told_at_once_and_the_others_need_not_be_made_again(given: Path):
    write_list(given / "lists", "db_given_v1", train=["synth_1/0", "nowhere_1/0"], test=["synth_2/0", "nowhere_2/0"])
    with pytest.raises(ReadError, match=r"2 scenes cannot be converted:\nscene nowhere_1/0: .*\nscene nowhere_2/0: "):
        convert(given)
    assert not (given / "info").exists() or not list((given / "info").iterdir())
    assert len(list((given / "cache").glob("??/*"))) == 2


def test_the_code_that_decides_a_piece_is_all_that_it_imports():
    modules = {"t4zoo.t4.piece", "t4zoo.info"}
    needed = {path.removeprefix("t4zoo/").removesuffix(".py") for path in library_files(import_graph(), modules)}
    assert sorted(needed) == sorted(CODE)


def test_what_lies_beside_info_files_stays(given: Path):
    (given / "info" / "base").mkdir(parents=True)
    (given / "info" / "base" / ".gitignore").write_text("/info_train.pkl\n")
    convert(given)
    assert (given / "info" / "base" / ".gitignore").read_text() == "/info_train.pkl\n"
    (given / "info" / "base" / "notes").mkdir()
    convert(given)
    assert (given / "info" / "base" / "notes").is_dir()
    assert [path.name for path in (given / "info").iterdir()] == ["base"]


def square(number: int) -> int:
    if number == 13:
        raise ReadError("thirteen")
    if number == 99:
        os._exit(9)
    return number * number


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_and_what_is_at_hand_is_not_asked_for(workers: int):
    found = spread(square, range(12), workers, lambda number: -number if number % 3 == 0 else None)
    assert list(found) == [-n if n and n % 3 == 0 else n * n for n in range(12)]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_a_process_is_raised_here(workers: int):
    with pytest.raises(ReadError, match="thirteen"):
        list(spread(square, range(20), workers))


def test_a_process_that_is_ended_from_outside_is_told():
    with pytest.raises(SpreadError, match="fewer workers"):
        list(spread(square, [1, 99, 2], 2))


def test_no_more_is_begun_than_the_workers_are_busy_with():
    begun = []

    def things():
        for number in range(100):
            begun.append(number)
            yield number

    first = next(iter(spread(square, things(), 2)))
    assert first == 0
    assert len(begun) < 10


@pytest.mark.parametrize("wanted", [0, -1, True, "2", 1.5])
def test_a_number_of_processes_that_is_none_is_refused(wanted: Any):
    with pytest.raises(UsageError, match="workers is"):
        processes(wanted)


def test_one_process_a_core_is_started_unless_a_number_is_given():
    assert processes(None) == len(os.sched_getaffinity(0))
    assert processes(3) == 3
