"""create_info of scenes in a bucket: the same bytes as of scenes on this disk, and nothing asked twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from t4zoo.far_scenes.looking import look_again, take_over
from t4zoo.info import load
from tests.far_scenes.bucket import Bucket
from tests.pipeline import ROOT
from tests.t4.scenes import edit


@pytest.fixture
def workspace(samples: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(samples, tmp_path / "workspace"))


def run(root: Path, out: str, *overrides: str, cache: str = "''") -> subprocess.CompletedProcess[str]:
    paths = [f"data_root={root / 'data'}", f"dataset_lists={root / 'lists'}", f"out={root / out}", f"cache={cache}"]
    return subprocess.run(
        [sys.executable, "-m", "stages.create_info", *paths, "product=base", "workers=1", *overrides],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_bytes_are_those_of_near_scenes_and_the_second_run_asks_for_nothing(
    workspace: Path, bucket: Bucket
) -> None:
    near = run(workspace, "near/base")
    assert near.returncode == 0, near.stderr
    for name in ("db_sample_v1", "db_sample_x2_v1"):
        bucket.take_in(workspace / "data" / name)
    bucket.proxy.let_pass()

    kept = str(workspace / "kept")
    far = run(workspace, "far/base", cache=kept)
    assert far.returncode == 0, far.stderr
    assert files(workspace / "far/base") == files(workspace / "near/base")
    tables, clouds = bucket.requests("/annotation/"), bucket.requests("/data/")
    assert tables
    assert clouds  # CLD and CNT look into them
    assert len({request.path for request in bucket.requests()}) == len(bucket.requests())  # each once

    bucket.proxy.let_pass()
    shutil.rmtree(os.environ["T4ZOO_CACHE"])  # not even what was fetched is needed
    again = run(workspace, "far/base", cache=kept)
    assert again.returncode == 0, again.stderr
    assert bucket.requests() == []
    assert files(workspace / "far/base") == files(workspace / "near/base")


def test_without_rules_of_clouds_only_tables_are_fetched_by_several_processes(workspace: Path, bucket: Bucket) -> None:
    bucket.take_in(workspace / "data" / "db_sample_v1")
    bucket.proxy.let_pass()
    done = run(workspace, "info/base", "check=[STR,REC]", "workers=2")
    assert done.returncode == 0, done.stderr
    assert bucket.requests("/data/") == []
    assert len(bucket.requests("/annotation/")) % 13 == 0
    assert load(workspace / "info/base/info_train.pkl").frames


def test_a_broken_far_scene_is_refused_with_its_rule(workspace: Path, bucket: Bucket) -> None:
    dataset = workspace / "data" / "db_sample_v1"
    scene = next(path.parent for path in sorted(dataset.glob("*/0/annotation")))
    edit(scene, "sample_annotation", lambda rows: rows[0].update(size=[-1.0, 2.0, 2.0]))
    bucket.take_in(dataset)
    done = run(workspace, "info/base")
    assert done.returncode == 1
    assert "GEO" in done.stderr
    assert str(scene) in done.stderr


def test_what_changed_in_place_stops_it_and_a_refresh_that_takes_it_over_mends_it(
    workspace: Path, bucket: Bucket
) -> None:
    dataset = workspace / "data" / "db_sample_v1"
    bucket.take_in(dataset)
    scene = sorted(json.loads((dataset / "inventory.json").read_text())["scenes"])[0]
    path = f"{scene}/annotation/attribute.json"
    bucket.put(dataset.name, path, bucket.get(dataset.name, path) + b"\n")
    done = run(workspace, "info/base")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert f"{path}: was published again in place" in line

    listing, changes = look_again(dataset)
    assert dict(changes.changed) == {scene: ("annotation/attribute.json",)}
    take_over(dataset, listing)
    assert run(workspace, "info/base").returncode == 0


def checked(data: Path, code: int) -> list[dict[str, Any]]:
    told = subprocess.run(
        [sys.executable, "-m", "t4zoo", "t4", "check", "--json", "--workers", "2", str(data)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == code, told.stderr
    reports: list[dict[str, Any]] = json.loads(told.stdout)["reports"]
    return reports


def test_t4_check_tells_what_does_not_come_of_a_scene_and_judges_the_others(workspace: Path, bucket: Bucket) -> None:
    dataset = workspace / "data" / "db_sample_v1"
    scenes = [path.parent for path in sorted(dataset.glob("*/0/annotation"))]
    clouds = [sorted(scene.rglob("*.pcd.bin"))[0].relative_to(dataset).as_posix() for scene in scenes]
    bucket.take_in(dataset)
    table = f"{scenes[0].parent.name}/0/annotation/sample.json"
    kept = [bucket.get(dataset.name, path) for path in (table, clouds[1])]
    bucket.remove(dataset.name, table)
    bucket.put(dataset.name, clouds[1], kept[1][:-20] + bytes(20))
    reports = checked(dataset, 1)
    assert [report["counts"] for report in reports] == [{"STR013": 1}, {"STR013": 1}, *[{} for _ in scenes[2:]]]
    assert f"{table}: is not there any more" in reports[0]["findings"][0]["value"]
    assert f"{clouds[1]}: was published again" in reports[1]["findings"][0]["value"]
    for path, content in zip((table, clouds[1]), kept, strict=True):
        bucket.put(dataset.name, path, content)
    assert [report["counts"] for report in checked(dataset, 0)] == [{} for _ in scenes]  # it was not kept


def test_t4_check_stops_where_the_whole_source_is_away(
    workspace: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = workspace / "data" / "db_sample_v1"
    bucket.take_in(dataset)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    told = subprocess.run(
        [sys.executable, "-m", "t4zoo", "t4", "check", str(dataset)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert told.stderr.startswith("error: s3://") and "cannot reach http://127.0.0.1:1" in told.stderr


def test_t4_check_tells_of_far_scenes_what_it_tells_of_near_ones(workspace: Path, bucket: Bucket) -> None:
    def check(*paths: Path | str) -> dict[str, dict[str, int]]:
        told = subprocess.run(
            [sys.executable, "-m", "t4zoo", "t4", "check", "--json", *map(str, paths)],
            capture_output=True,
            text=True,
            check=False,
        )
        return {report["path"]: report["counts"] for report in json.loads(told.stdout)["reports"]}

    dataset = workspace / "data" / "db_sample_v1"
    scene = sorted(dataset.glob("*/0"))[0]
    edit(scene, "sample_annotation", lambda rows: rows[0].update(num_lidar_pts=10**6))
    cloud = sorted(scene.rglob("*.pcd.bin"))[0]
    cloud.write_bytes(cloud.read_bytes()[:-3])
    near = check(workspace / "data")
    assert near[str(scene)]
    bucket.take_in(dataset)
    assert check(workspace / "data") == near
    bucket.proxy.let_pass()
    assert check(workspace / "data") == near
    assert bucket.requests() == []
    assert check(scene) == {str(scene): near[str(scene)]}
    path = f"{scene.parent.name}/0/annotation/sample_annotation.json"
    rows = json.loads(bucket.get(dataset.name, path))
    rows[1]["size"] = [-1.0, 2.0, 2.0]
    bucket.put(dataset.name, path, json.dumps(rows).encode())
    take_over(dataset, look_again(dataset)[0])
    assert sum(check(scene)[str(scene)].values()) > sum(near[str(scene)].values())  # it is judged anew
