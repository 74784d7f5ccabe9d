"""Publishing: whole or invisible, whoever is killed and whoever else publishes at the same moment."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from t4zoo.errors import UsageError
from t4zoo.zoo.address import Credentials, parse_address
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.reading.catalogue import NotReleasedError, names
from t4zoo.zoo.reading.locate import Located, Where, locate
from t4zoo.zoo.reading.verify import verify_zoo
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.releasing.publish import Outcome, PublishError, publish
from t4zoo.zoo.releasing.release import Releasing
from t4zoo.zoo.storage.s3 import COPY_LIMIT, Description, MissingSourceError, S3Folder
from t4zoo.zoo.storage.server import Server
from t4zoo.zoo.version import parse_name
from tests.zoo.faults import tiny
from tests.zoo.faults.tiny import Place
from tests.zoo.proxy import Proxy, Request
from tests.zoo.repository import FOLDER, NAME, Repository
from tests.zoo.serving import serving


@pytest.fixture
def plan(repository: Repository) -> Plan:
    return Releasing.here(repository.root, NAME).plan()


def as_version(plan: Plan, name: str, subject: str = "Train t4base") -> Plan:
    """The same files as another version, or with another manifest."""
    source = plan.manifest.source.model_copy(update={"subject": subject})
    manifest = plan.manifest.model_copy(update={"name": name, "source": source})
    folder = plan.folder.replace(str(plan.name.version), str(parse_name(name).version))
    # Tagged: what several publishers do to one git repository is not what these tests look at.
    return replace(
        plan, name=parse_name(name), folder=folder, manifest=manifest, content=manifest.to_bytes(), is_tagged=True
    )


def run(plan: Plan, repository: Repository) -> Outcome:
    return publish(plan, S3Folder(parse_address(f"{repository.url}/dvc")), S3Folder(parse_address(repository.zoo)))


def find(repository: Repository, name: str = NAME) -> Located:
    return locate(name, Where(repository.zoo))


def test_a_claim_without_a_manifest_is_invisible(repository: Repository, plan: Plan, client: Any) -> None:
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    for path in (".claim", "epoch_3.pth"):
        client.put_object(Bucket=bucket, Key=f"{prefix}/{plan.folder}/{path}", Body=b"half")
    zoo = Where(repository.zoo).open_zoo()
    assert names(zoo, load_layout(None)) == []
    with pytest.raises(NotReleasedError, match=NAME):
        find(repository)
    with pytest.raises(PublishError, match=plan.digest):
        run(plan, repository)


def test_files_that_lie_in_a_version_before_it_is_released_are_refused(
    repository: Repository, plan: Plan, client: Any
) -> None:
    bucket, _, prefix = repository.zoo.removeprefix("s3://").partition("/")
    for number, (path, words) in enumerate({"epoch_3.pth": "holds other bytes", "readme.txt": "no file of"}.items()):
        other = as_version(plan, f"CenterPoint/t4base@v2.0.{number}")
        client.put_object(Bucket=bucket, Key=f"{prefix}/{other.folder}/{path}", Body=b"by hand")
        with pytest.raises(PublishError, match=words):
            run(other, repository)
        with pytest.raises(NotReleasedError):
            find(repository, str(other.name))


def test_a_source_that_vanished_after_it_was_checked_stops_the_publisher(
    repository: Repository, plan: Plan, client: Any
) -> None:
    bucket, _, prefix = repository.url.removeprefix("s3://").partition("/")
    client.delete_object(Bucket=bucket, Key=f"{prefix}/dvc/{plan.copies[0].source}")
    with pytest.raises(PublishError, match="is gone"):
        run(plan, repository)
    with pytest.raises(NotReleasedError):
        find(repository)


def test_a_source_that_changed_after_it_was_checked_is_not_copied(
    repository: Repository, plan: Plan, client: Any
) -> None:
    bucket, _, prefix = repository.url.removeprefix("s3://").partition("/")
    client.put_object(Bucket=bucket, Key=f"{prefix}/dvc/{plan.copies[0].source}", Body=b"other")
    with pytest.raises(PublishError, match="is gone"):
        run(plan, repository)


def test_a_release_of_n_files_takes_2n_and_6_requests_and_sends_none_of_their_bytes(
    server: Server, alone: Path, tmp_path: Path, prefix: str
) -> None:
    place = Place.on(server, prefix, tmp_path / "dvc-cache").apart()
    large = tiny.plan(whose=tiny.LARGE_ONE)
    size = sum(file.size for file in large.manifest.files)
    with Proxy(server.endpoint) as proxy:
        store, zoo = place.folders(proxy.endpoint)
        zoo.copy_limit = COPY_LIMIT
        tiny.release(large, place.cache, store, zoo)
        assert store.requests + zoo.requests == len(proxy.requests) == 2 * len(tiny.FILES) + 6
        assert sum(request.sent for request in proxy.requests) < size / 100


def test_a_large_file_is_copied_in_parts_with_its_description(s3: Server, prefix: str, client: Any) -> None:
    content = bytes(range(256)) * 4 * 11 * 1024  # 11 MiB, as three parts
    etag = client.put_object(Bucket=s3.bucket, Key=f"{prefix}/big", Body=content)["ETag"].strip('"')
    folder = S3Folder(parse_address(f"s3://{s3.bucket}/{prefix}"))
    folder.copy_limit = folder.part = 5 * 1024**2
    sha256 = hashlib.sha256(content).hexdigest()
    copied = folder.copy(folder, "big", etag, "copy", len(content), Description("text/plain", sha256))
    found = client.get_object(Bucket=s3.bucket, Key=f"{prefix}/copy")
    assert hashlib.sha256(found["Body"].read()).hexdigest() == sha256
    assert found["Metadata"] == {"sha256": sha256} and found["ContentType"] == "text/plain"
    assert copied == found["ETag"].strip('"') and copied.endswith("-3")
    with pytest.raises(MissingSourceError):
        folder.copy(folder, "big", "0" * 32, "other", len(content), Description("text/plain", sha256))
    assert "Uploads" not in client.list_multipart_uploads(Bucket=s3.bucket, Prefix=prefix)


def test_an_upload_that_a_killed_publisher_left_open_is_ended_by_the_run_that_finishes(
    server: Server, alone: Path, tmp_path: Path, prefix: str, client: Any
) -> None:
    place = Place.on(server, prefix, tmp_path / "dvc-cache")
    new, (store, zoo) = tiny.plan(), place.folders()
    root = f"{prefix}/{place.zoo}"
    client.create_multipart_upload(Bucket=server.bucket, Key=f"{root}/{new.folder}/epoch_3.pth")
    client.create_multipart_upload(Bucket=server.bucket, Key=f"{root}/another/version/epoch_3.pth")
    tiny.release(new, place.cache, store, zoo)
    left = client.list_multipart_uploads(Bucket=server.bucket, Prefix=prefix)["Uploads"]
    assert [upload["Key"] for upload in left] == [f"{root}/another/version/epoch_3.pth"]


def test_an_upload_that_is_ended_from_elsewhere_is_told_unless_the_copy_is_there(
    server: Server, alone: Path, tmp_path: Path, prefix: str, client: Any
) -> None:
    place = Place.on(server, prefix, tmp_path / "dvc-cache").apart()
    new = tiny.plan()

    def end_it(request: Request) -> None:
        for upload in client.list_multipart_uploads(Bucket=server.bucket, Prefix=prefix).get("Uploads", []):
            client.abort_multipart_upload(Bucket=server.bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    with Proxy(server.endpoint) as proxy:
        proxy.after = lambda request: end_it(request) if "partNumber" in request.query else None
        with pytest.raises(PublishError, match="ended by another publisher"):
            tiny.release(new, place.cache, *place.folders(proxy.endpoint))
        proxy.let_pass()
        tiny.release(new, place.cache, *place.folders(proxy.endpoint))
    assert verify_zoo(tiny.locate(new, place.reader())).findings == ()


class Busy(BaseHTTPRequestHandler):
    """A server where each conditional write meets another, twice."""

    asked = 0

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        type(self).asked += 1
        self.send_response(409 if self.asked < 3 else 200)
        text = b"<Error><Code>ConditionalRequestConflict</Code></Error>" if self.asked < 3 else b""
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_conditional_write_that_meets_another_is_tried_again(alone: Path) -> None:
    with serving(Busy) as endpoint:
        given = Credentials(endpoint=endpoint, region="us-east-1", key_id="ID", secret="SECRET")
        folder = S3Folder(parse_address("s3://bucket/zoo", given))
        assert folder.create("x", b"x", Description("text/plain", hashlib.sha256(b"x").hexdigest()))
    assert folder.requests == Busy.asked == 3


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_patience_that_is_no_time_is_refused(alone: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("T4ZOO_TIMEOUT", text)
    with pytest.raises(UsageError, match="write seconds"):
        S3Folder(parse_address("s3://bucket/zoo"))


class Forgetful(BaseHTTPRequestHandler):
    """A server that takes every PUT and overlooks If-None-Match, as several S3 imitations do."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("ETag", '"00"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_server_that_ignores_conditions_is_found_and_refused(repository: Repository, plan: Plan) -> None:
    with serving(Forgetful) as endpoint:
        zoo = S3Folder(parse_address("s3://bucket/autoware-ml", Credentials(endpoint=endpoint)))
        with pytest.raises(PublishError, match="ignores If-None-Match"):
            publish(plan, zoo, zoo)
    assert repository.git("tag", "--list") == ""
    assert FOLDER in plan.folder
