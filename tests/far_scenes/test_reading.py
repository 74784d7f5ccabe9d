"""A scene in a bucket is read as one on this disk; what is wrong with it there is said, whatever the network does."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from t4zoo.errors import T4zooError
from t4zoo.points import PointsError, count_points, read_clouds, read_points
from t4zoo.scene_files import FarFileError, forget_sources, scenes_in
from t4zoo.t4.frames import FrameSettings, frames_of
from t4zoo.t4.reader import ReadError, find_scene, read_scene, read_tables
from tests.far_scenes.bucket import Bucket
from tests.zoo.proxy import SILENT, Fault
from tests.zoo.serving import serving

TABLES = 13


def ids(folder: Path) -> list[str]:
    return [path.name for path in scenes_in(folder)]


def clouds(near: Path, scene: str) -> list[str]:
    return sorted(path.relative_to(near).as_posix() for path in (near / scene).rglob("*.pcd.bin"))


def test_a_far_scene_gives_the_frames_of_a_near_one(near: Path, far: Path, bucket: Bucket) -> None:
    assert ids(far) == ids(near)
    assert len(ids(far)) == 2
    for name in ids(near):
        ours, theirs = (
            frames_of(read_scene(folder / name), folder.name, FrameSettings(None, 2)) for folder in (far, near)
        )
        assert [frame.lidar_path for frame in ours] == [frame.lidar_path for frame in theirs]
        assert [frame.token for frame in ours] == [frame.token for frame in theirs]
    assert bucket.requests("/data/LIDAR") == []  # sizes are known; only what is looked into is fetched
    assert len(bucket.requests("/annotation/")) == 2 * TABLES


def test_a_cloud_comes_once_and_is_then_read_from_the_cache(near: Path, far: Path, bucket: Bucket) -> None:
    path = clouds(near, ids(near)[0])[0]
    assert count_points(far / path) == count_points(near / path)
    assert bucket.requests() == []
    for _ in range(3):
        assert np.array_equal(read_points(far / path), read_points(near / path))
    assert len(bucket.requests(path)) == 1
    forget_sources()
    read_points(far / path)
    assert len(bucket.requests()) == 1


def test_clouds_of_a_frame_come_in_their_order(near: Path, far: Path) -> None:
    paths = clouds(near, ids(near)[0])[::-1]
    ours, theirs = (list(read_clouds([(folder / path, 5) for path in paths])) for folder in (far, near))
    assert len(ours) == len(paths) > 2
    assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in SILENT])
def test_one_fault_of_the_network_is_overcome(near: Path, far: Path, bucket: Bucket, fault: Fault) -> None:
    path = clouds(near, ids(near)[0])[0]
    bucket.proxy.disturb(lambda request: request.number == 1, fault)
    assert np.array_equal(read_points(far / path), read_points(near / path))
    assert 2 <= len(bucket.requests(path)) <= 3


@pytest.mark.parametrize("fault", [Fault.SLOW_DOWN, Fault.RESET_BEFORE, Fault.BODY_CUT, Fault.BODY_SHORT])
def test_a_lasting_fault_ends_in_one_line_after_a_few_tries(
    near: Path, far: Path, bucket: Bucket, fault: Fault
) -> None:
    path = clouds(near, ids(near)[0])[0]
    bucket.proxy.disturb(lambda request: True, fault, lasting=True)
    with pytest.raises(FarFileError) as caught:
        read_points(far / path)
    assert "\n" not in str(caught.value)
    assert len(bucket.requests()) <= 8
    bucket.proxy.let_pass()
    read_points(far / path)  # nothing half was kept


def test_a_server_that_is_away_is_named(near: Path, far: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    forget_sources()
    with pytest.raises(T4zooError, match=r"cannot reach http://127.0.0.1:1"):
        read_tables(find_scene(far / ids(far)[0]))


def test_a_cloud_that_was_replaced_in_place_is_refused(near: Path, far: Path, bucket: Bucket) -> None:
    path = clouds(near, ids(near)[0])[0]
    content = (near / path).read_bytes()
    bucket.put(far.name, path, content[:4] + b"\0\0\0\0" + content[8:])
    with pytest.raises(FarFileError, match=r"published again in place.*t4zoo dataset refresh db_far_v1"):
        read_points(far / path)


def test_a_withdrawn_scene_is_named_with_what_to_do(near: Path, far: Path, bucket: Bucket) -> None:
    name = ids(far)[0]
    place = find_scene(far / name)
    bucket.remove(far.name, f"{name}/{place.name}/annotation/sample.json")
    with pytest.raises(FarFileError, match=r"annotation/sample\.json: is not there any more.*t4zoo dataset refresh"):
        read_tables(place)


def test_a_reader_without_the_right_to_read_hears_that_it_may_be_withdrawn(
    far: Path, server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    forget_sources()
    with pytest.raises(FarFileError, match=r"access denied.*or the scene was withdrawn"):
        read_tables(find_scene(far / ids(far)[0]))


def test_what_the_inventory_does_not_have_is_as_a_missing_file(near: Path, far: Path, bucket: Bucket) -> None:
    name = ids(far)[0]
    place = find_scene(far / name)
    with pytest.raises(PointsError, match="the inventory of s3://"):
        read_points(place / "data" / "LIDAR_CONCAT" / "99999.pcd.bin")
    with pytest.raises(ReadError, match="the revisions here are 0"):
        find_scene(far / name, "7")
    with pytest.raises(ReadError, match=r"the inventory of s3://.* does not have it"):
        find_scene(far / "00000000-0000-4000-8000-000000000000", "0")
    for odd in ("../" + name, f"{name}/0/../0", "..", "/etc", "a/../.."):
        with pytest.raises((ReadError, PointsError)):
            read_points(place / "data" / odd)
    assert bucket.requests() == []


class Lying(BaseHTTPRequestHandler):
    """Answers every question with the entity tag and the size of one cloud, and other bytes."""

    tag, content = "", b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.send_header("ETag", f'"{self.tag}"')
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        pass


def test_bytes_are_compared_with_their_tag_unless_the_bucket_has_tags_of_its_own(
    near: Path, far: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clouds(near, ids(near)[0])[0]
    right = (near / path).read_bytes()
    handler = type("Handler", (Lying,), {"tag": hashlib.md5(right).hexdigest(), "content": bytes(len(right))})
    with serving(handler) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        forget_sources()
        with pytest.raises(FarFileError, match=r"not those that its entity tag is the md5 of.*etag: opaque"):
            read_points(far / path)
        pointer = far / "source.yaml"
        pointer.write_text(pointer.read_text().replace("etag: md5", "etag: opaque"))
        forget_sources()
        assert not read_points(far / path).any()


def _read_in_child(path: Path, found) -> None:
    found.put((os.getpid(), read_points(path).sum().item()))


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_processes_of_any_kind_read_far_scenes(near: Path, far: Path, way: str) -> None:
    paths = clouds(near, ids(near)[0])
    read_points(far / paths[0])  # a connection that no child may share
    context = multiprocessing.get_context(way)
    found = context.Queue()
    children = [context.Process(target=_read_in_child, args=(far / path, found)) for path in paths[1:4]]
    for child in children:
        child.start()
    sums = sorted(found.get(timeout=60)[1] for _ in children)
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert sums == sorted(read_points(near / path).sum().item() for path in paths[1:4])


def test_a_damaged_inventory_is_named_with_its_cure(far: Path) -> None:
    (listing,) = (far / "inventory").glob(f"{ids(far)[0]}/*.json")
    listing.write_text(listing.read_text().replace("sample.json", "simple.json"))
    forget_sources()
    with pytest.raises(T4zooError, match=r"not the one that inventory\.json names"):
        read_scene(far / ids(far)[0])
    (far / "inventory.json").write_text("{}")
    forget_sources()
    with pytest.raises(T4zooError, match="is no inventory"):
        read_scene(far / "anything")


def test_scenes_on_this_disk_load_nothing_that_knows_s3(near: Path) -> None:
    code = """
import sys
from pathlib import Path
from t4zoo.t4.reader import read_scene
read_scene(Path(sys.argv[1]))
assert not {"t4zoo.far_scenes.source", "boto3", "botocore", "urllib3"} & sys.modules.keys()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, near / ids(near)[0]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
