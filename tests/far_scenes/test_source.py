"""`t4zoo dataset source`, `refresh` and `lint`: what is in the bucket, what has changed there, and what lists say."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t4zoo.errors import UsageError
from t4zoo.far_scenes.inventory import Summary, decode, encode, place_of, read_files, read_index, write_inventory
from t4zoo.far_scenes.looking import begin
from t4zoo.far_scenes.pointer import read_pointer
from t4zoo.scene_files import forget_sources, scenes_in
from t4zoo.zoo.storage.server import Server
from tests.far_scenes.bucket import Bucket
from tests.t4.datasets.repository import NAME, Repository, make_scenes
from tests.zoo.proxy import Fault


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    root = tmp_path_factory.mktemp("street")
    return root, make_scenes(root)


@pytest.fixture
def team(street: tuple[Path, dict[str, list[str]]], tmp_path: Path, bucket: Bucket) -> Repository:
    """A repository whose list names six scenes, which are in the bucket and nowhere else; it has no source yet."""
    root = tmp_path / "team"
    root.mkdir()
    repository = Repository(root, street[0], street[1])
    bucket.upload(repository.data / NAME, NAME)
    shutil.rmtree(repository.data / NAME)
    bucket.proxy.let_pass()
    return repository


def t4zoo(repository: Repository, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "t4zoo", "dataset", *arguments],
        cwd=repository.root,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )


def source(repository: Repository, bucket: Bucket) -> None:
    done = t4zoo(repository, "source", bucket.url(NAME), "--name", NAME)
    assert done.returncode == 0, done.stderr


def refreshed(repository: Repository, *arguments: str, code: int = 0) -> Mapping[str, Any]:
    done = t4zoo(repository, "refresh", "--json", *arguments)
    assert done.returncode == code, done.stderr
    told: Mapping[str, Any] = json.loads(done.stdout)["datasets"][NAME]
    return told


def rules(repository: Repository, code: int = 0) -> list[str]:
    done = t4zoo(repository, "lint", "--json")
    assert done.returncode == code, done.stdout
    return [one["rule"] for one in json.loads(done.stdout)["findings"] if one["rule"] != "version-not-compared"]


def snapshot(repository: Repository) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in repository.data.rglob("*") if path.is_file()}


def copy_scene(bucket: Bucket, scene: str, to: str) -> None:
    start = f"{bucket.prefix}/{NAME}/{scene}/"
    listed = bucket.client.list_objects_v2(Bucket=bucket.bucket, Prefix=start)["Contents"]
    for one in listed:
        below = one["Key"].removeprefix(start)
        bucket.put(NAME, f"{to}/{below}", bucket.get(NAME, f"{scene}/{below}"))


def withdraw(bucket: Bucket, scene: str) -> None:
    start = f"{bucket.prefix}/{NAME}/{scene}/"
    for one in bucket.client.list_objects_v2(Bucket=bucket.bucket, Prefix=start)["Contents"]:
        bucket.client.delete_object(Bucket=bucket.bucket, Key=one["Key"])


def test_a_source_is_two_small_files_and_one_a_scene_without_credentials(team: Repository, bucket: Bucket) -> None:
    source(team, bucket)
    folder = team.data / NAME
    scenes = sorted(scene for split in team.scenes.values() for scene in split)
    assert list(read_index(folder)) == scenes
    assert sorted(path.name for path in folder.iterdir()) == ["inventory", "inventory.json", "source.yaml"]
    assert len(list((folder / "inventory").rglob("*.json"))) == len(scenes)
    text = b"".join(snapshot(team).values()).decode()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        assert os.environ[name] not in text
    assert len([request for request in bucket.requests() if "list-type" in request.query]) == 1
    assert len(bucket.requests()) == 2  # and the file that shows what an entity tag is
    assert rules(team) == []


def test_a_listing_takes_one_request_a_thousand_objects(bucket: Bucket, tmp_path: Path) -> None:
    scene = "5c0d4bd2-6ee5-47a1-9a39-1b4e36b4a2d1/0"
    bucket.put("many", f"{scene}/annotation/sample.json", b"[]")
    for number in range(1200):
        bucket.put("many", f"{scene}/data/LIDAR_CONCAT/{number:05d}.pcd.bin", b"cloud")
    bucket.proxy.let_pass()
    begin(tmp_path / "many", bucket.url("many"))
    assert len([request for request in bucket.requests() if "list-type" in request.query]) == 2
    assert read_index(tmp_path / "many")[scene].files == 1201


def test_nothing_new_is_said_to_be_nothing_and_writes_nothing(team: Repository, bucket: Bucket) -> None:
    source(team, bucket)
    before = snapshot(team)
    done = t4zoo(team, "refresh")
    assert done.stdout == f"{NAME}: 6 scenes; nothing has changed\n"
    assert snapshot(team) == before


def test_a_new_revision_is_told_with_the_lists_that_name_the_old_one(team: Repository, bucket: Bucket) -> None:
    source(team, bucket)
    scene = team.scenes["train"][0]
    identity = scene.partition("/")[0]
    copy_scene(bucket, scene, f"{identity}/1")
    before = snapshot(team)
    told = refreshed(team, "--dry-run")
    (one,) = told["new_revisions"]
    assert one["scene"] == f"{identity}/1"
    assert [where.partition(":")[0] for where in one["listed"]["0"]] == [f"conf/dataset/{NAME}.yaml"]
    assert (told["written"], snapshot(team)) == (False, before)
    assert "names revision 0" in t4zoo(team, "refresh", "--dry-run").stdout
    assert refreshed(team)["written"] is True
    assert rules(team) == ["revision-newer"]
    assert f"{identity}/1" in read_index(team.data / NAME)


def test_a_withdrawn_scene_is_told_and_is_an_error_of_the_list_from_then_on(team: Repository, bucket: Bucket) -> None:
    source(team, bucket)
    scene = team.scenes["val"][0]
    withdraw(bucket, scene)
    (one,) = refreshed(team)["withdrawn"]
    assert one["scene"] == scene
    assert one["listed"]["0"]
    assert rules(team, code=1) == ["scene-missing"]
    assert "inventory of s3://" in t4zoo(team, "lint").stdout


def test_a_scene_that_changed_in_place_is_an_error_and_nothing_is_written_unless_asked(
    team: Repository, bucket: Bucket
) -> None:
    source(team, bucket)
    scene = team.scenes["test"][0]
    bucket.put(NAME, f"{scene}/annotation/visibility.json", b"[]")
    bucket.remove(NAME, f"{scene}/annotation/map.json")
    before = snapshot(team)
    told = refreshed(team, code=1)
    assert told["changed"][0]["files"] == ["annotation/map.json", "annotation/visibility.json"]
    done = t4zoo(team, "refresh")
    assert done.returncode == 1
    assert f"error: {NAME}: {scene} changed under its revision (2 files" in done.stdout
    assert snapshot(team) == before
    assert refreshed(team, "--accept-changed")["written"] is True
    assert refreshed(team)["changed"] == []


def test_new_scenes_come_and_those_without_tables_wait(team: Repository, bucket: Bucket) -> None:
    source(team, bucket)
    new = "00000000-0000-4000-8000-00000000000a"
    bucket.put(NAME, f"{new}/0/data/LIDAR_CONCAT/00000.pcd.bin", b"cloud")
    told = refreshed(team)
    assert (told["new"], told["incomplete"], told["written"]) == ([], [f"{new}/0"], False)
    bucket.put(NAME, f"{new}/0/annotation/sample.json", b"[]")
    assert refreshed(team)["new"] == [f"{new}/0"]
    assert rules(team) == ["scene-unlisted"]


def test_odd_objects_are_counted_and_never_listed(team: Repository, bucket: Bucket) -> None:
    scene = team.scenes["train"][0]
    for odd in (f"{scene}/annotation/.hidden.json", "README", f"{scene}/x\ny"):
        bucket.put(NAME, odd, b"odd")
    done = t4zoo(team, "source", bucket.url(NAME), "--name", NAME)
    assert "3 objects belong to no scene" in done.stdout
    assert not any(odd in text for text in snapshot(team).values() for odd in (b"hidden", b"README", b'\\n"y'))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["https://example.invalid/x", "--name", NAME], "scenes are read from s3:// alone"),
        (["s3://key:secret@bucket/x", "--name", NAME], "give credentials by AWS_"),
        (["nowhere", "--name", NAME], "write s3://bucket/prefix"),
        (["s3://bucket/x", "--name", "../up"], "has no T4 id in front"),
        (["s3://bucket/x", "--name", "a/0"], "give the name of a dataset"),
    ],
)
def test_what_is_no_source_is_refused_in_one_line(team: Repository, arguments: list[str], said: str) -> None:
    done = t4zoo(team, "source", *arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "secret@" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not team.data.joinpath(NAME).exists()


def test_a_source_never_takes_the_place_of_scenes_or_of_another_source(team: Repository, bucket: Bucket) -> None:
    (team.data / NAME / "5c0d4bd2/0/annotation").mkdir(parents=True)
    done = t4zoo(team, "source", bucket.url(NAME), "--name", NAME)
    assert done.returncode == 2
    assert "5c0d4bd2" in done.stderr
    shutil.rmtree(team.data / NAME)
    source(team, bucket)
    done = t4zoo(team, "source", bucket.url(NAME), "--name", NAME)
    assert done.returncode == 2
    assert f"t4zoo dataset refresh {NAME}" in done.stderr


def test_an_empty_place_and_a_missing_bucket_are_named(team: Repository, bucket: Bucket, s3: Server) -> None:
    for url, said in ((bucket.url("empty"), "no scene is there"), ("s3://no-such-bucket-here/x", "no-such-bucket")):
        done = t4zoo(team, "source", url, "--name", NAME)
        assert done.returncode == 1, done.stderr
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert t4zoo(team, "refresh").returncode == 2


def test_a_listing_that_breaks_off_leaves_the_inventory_as_it_was(team: Repository, bucket: Bucket) -> None:
    source(team, bucket)
    before = snapshot(team)
    bucket.proxy.disturb(lambda request: True, Fault.BODY_CUT, lasting=True)
    done = t4zoo(team, "refresh")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert snapshot(team) == before


def test_dvc_sees_a_change_of_the_source_as_a_change_of_an_input(team: Repository, bucket: Bucket) -> None:
    from dvc.repo import Repo

    source(team, bucket)
    stage = {"cmd": "ls data/t4dataset/*/inventory > count", "deps": ["data/t4dataset"], "outs": ["count"]}
    team.write("dvc.yaml", {"stages": {"count": stage}})
    with contextlib.chdir(team.root), Repo(str(team.root)) as repo:
        assert len(repo.reproduce()) == 1
        refreshed(team)
        assert len(repo.reproduce()) == 0
        copy_scene(bucket, team.scenes["train"][0], team.scenes["train"][0].replace("/0", "/1"))
        refreshed(team)
        assert len(repo.reproduce()) == 1


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=8)


PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join).filter(lambda path: place_of(f"a/0/{path}/x"))


@given(st.dictionaries(PATHS, st.tuples(st.integers(0, 2**53), st.text())))
def test_an_inventory_gives_back_what_was_put_into_it(files: dict[str, tuple[int, str]]) -> None:
    assert decode(encode(files)) == files
    assert encode(dict(sorted(files.items(), reverse=True))) == encode(files)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "0", "annotation", "a\\b", "\0", "x.json"]), max_size=6))
def test_a_place_in_a_scene_never_leads_out_of_it(parts: list[str]) -> None:
    found = place_of("/".join(parts))
    if found is not None:
        assert "/".join(found) == "/".join(parts)
        assert not {"..", ".", ""} & set("/".join(found).split("/"))


@pytest.mark.parametrize(
    ("folder", "name", "size", "tag"),
    [
        ("annotation", "..", 3, "x"),
        ("../..", "x", 3, "x"),
        ("/etc", "x", 3, "x"),
        ("", "../x", 3, "x"),
        ("a", "b/x", 3, "x"),
        ("a", "x\n", 3, "x"),
        ("a", "x", -3, "x"),
        ("a", "x", 1e300, "x"),
        ("a", "x", 3, None),
    ],
)
def test_a_list_of_files_that_was_made_to_lead_elsewhere_is_refused(
    folder: str, name: str, size: float, tag: str | None
) -> None:
    columns = {"names": [name], "sizes": [size], "etags": [tag]}
    with pytest.raises(ValueError, match=r"leads elsewhere|are none"):
        decode(json.dumps({"form": 1, "folders": {folder: columns}}).encode())


def test_a_revision_that_is_no_number_of_anybody_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inventory.json").write_text(
        json.dumps({"form": 1, "scenes": {f"a/{'1' * 5000}": [1, 1, hashlib.sha256().hexdigest()]}})
    )
    with pytest.raises(UsageError, match="is no scene with its digest"):
        read_index(tmp_path)


def test_scenes_beside_a_source_are_refused_by_name(team: Repository, bucket: Bucket) -> None:
    source(team, bucket)
    forget_sources()
    scene = team.data / NAME / "5c0d4bd2/0"
    (scene / "annotation").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"5c0d4bd2/0: is a scene beside source\.yaml"):
        scenes_in(team.data / NAME)
    done = t4zoo(team, "lint")
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "5c0d4bd2" in done.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries({"form": st.just(1) | JSON, "scenes": JSON | st.dictionaries(st.just("a/0"), JSON)}) | JSON
)
def test_any_other_json_in_the_place_of_an_inventory_is_refused_in_one_line(told: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "inventory.json").write_text(json.dumps(told))
        (Path(folder) / "source.yaml").write_text(json.dumps(told))
        with contextlib.suppress(UsageError):
            assert isinstance(read_index(Path(folder)), dict)
        with pytest.raises(UsageError):
            read_pointer(Path(folder))


@given(JSON | st.fixed_dictionaries({"folders": JSON}))
def test_any_other_json_in_the_place_of_a_list_of_files_is_refused_in_one_line(told: Any) -> None:
    content = json.dumps(told).encode()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "inventory").mkdir()
        digest = hashlib.sha256(content).hexdigest()
        (Path(folder) / "inventory" / f"a-{digest[:12]}.json").write_bytes(content)
        try:
            assert read_files(Path(folder), "a", Summary(1, 1, digest)) == {}
        except UsageError as error:
            assert "cannot be relied on" in str(error)


def _write_again(folder: Path, size: int) -> None:
    for _ in range(30):
        write_inventory(folder, {f"a{n}/0": encode({"annotation/sample.json": (size, "tag")}) for n in range(5)})


def test_two_that_write_at_the_same_time_leave_one_whole_inventory(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_write_again, [tmp_path] * 2, [1, 2]))
    sizes = {read_files(tmp_path, *one)["annotation/sample.json"][0] for one in read_index(tmp_path).items()}
    assert sizes in ({1}, {2})


def test_an_interrupted_write_leaves_the_old_inventory_whole_and_the_next_one_clears_up(tmp_path: Path) -> None:
    old, new = ({"a/0": encode({"annotation/sample.json": (size, "tag")})} for size in (1, 2))
    write_inventory(tmp_path / "old", old)
    write_inventory(tmp_path / "new", new)
    shutil.copytree(tmp_path / "new/inventory", tmp_path / "old/inventory", dirs_exist_ok=True)  # all but the end
    (summary,) = read_index(tmp_path / "old").values()
    assert read_files(tmp_path / "old", "a/0", summary) == {"annotation/sample.json": (1, "tag")}
    write_inventory(tmp_path / "old", new)
    assert (tmp_path / "old/inventory.json").read_bytes() == (tmp_path / "new/inventory.json").read_bytes()
    assert len(list((tmp_path / "old/inventory").rglob("*.json"))) == 1
    write_inventory(tmp_path / "old", {"b": old["a/0"]})
    assert [path.name for path in (tmp_path / "old/inventory").iterdir() if path.is_dir()] == []
