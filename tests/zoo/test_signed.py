"""Reading S3 without boto3: the same objects and words, signed with the same credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from t4zoo.errors import UsageError
from t4zoo.zoo.address import Credentials, parse_address
from t4zoo.zoo.storage.access import find_access
from t4zoo.zoo.storage.folder import BrokenTransferError, FolderError, OutOfRangeError, Unchanged, open_folder, read
from t4zoo.zoo.storage.s3 import S3Folder
from t4zoo.zoo.storage.server import Server
from t4zoo.zoo.storage.signed import SignedFolder
from tests.zoo.serving import serving

ODD = ("plain.bin", "a folder/x y.bin", "p+q%20r.bin", "日本/ü~.bin", "a=b&c/d.bin", "v1.0.0/(1)'!*.bin")
CONTENT = bytes(range(256)) * 5000

Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def scripted(answer: Callable[[BaseHTTPRequestHandler], Answer | None]) -> Iterator[str]:
    """A server that answers each GET as the test says; None breaks the connection."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = answer(self)
            if told is None:
                self.connection.close()
                return
            status, headers, body = told
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as base:
        yield base


def folder_at(url: str, **credentials: Any) -> SignedFolder:
    """The folder `b/zoo` of a server, with credentials of the test's own."""
    given = {"endpoint": url, "key_id": "ID", "secret": "SECRET", **credentials}
    return SignedFolder(parse_address("s3://b/zoo", Credentials(**given)))


@pytest.fixture
def folder(s3: Server, prefix: str, client: Any) -> SignedFolder:
    for name in ODD:
        client.put_object(Bucket=s3.bucket, Key=f"{prefix}/{name}", Body=CONTENT + name.encode())
    found = open_folder(parse_address(f"s3://{s3.bucket}/{prefix}"))
    assert isinstance(found, SignedFolder)
    return found


def test_any_name_is_read_and_listed_as_boto3_does(folder: SignedFolder) -> None:
    for name in ODD:
        assert read(folder, name, 10**7) == CONTENT + name.encode(), name
    assert {entry.path for entry in folder.list()} == set(ODD)
    boto = S3Folder(folder.address)
    ours, theirs = ({entry.path: (entry.size, entry.etag) for entry in found.list()} for found in (folder, boto))
    assert ours == theirs
    assert [entry.path for entry in folder.list("a ")] == ["a folder/x y.bin"]


def test_a_listing_of_many_pages_is_read_to_its_end(s3: Server, prefix: str, client: Any) -> None:
    for number in range(1003):
        client.put_object(Bucket=s3.bucket, Key=f"{prefix}/{number:04d}", Body=b"")
    folder = open_folder(parse_address(f"s3://{s3.bucket}/{prefix}"))
    assert sorted(entry.path for entry in folder.list()) == [f"{number:04d}" for number in range(1003)]
    assert folder.requests == 2


@pytest.mark.parametrize("reader", [SignedFolder, S3Folder])
def test_a_part_of_an_object_is_read_alone(folder: SignedFolder, reader: type[SignedFolder | S3Folder]) -> None:
    source = reader(folder.address)
    whole = CONTENT + b"plain.bin"
    for start, end in ((0, 10), (1000, 700_001), (len(whole) - 1, None), (5, 10**9)):
        with source.open("plain.bin", start=start, end=end) as body:
            assert body is not None
            assert (body.start, body.size) == (start, len(whole[start:end]))
            assert b"".join(body.chunks) == whole[start:end]
    with pytest.raises(FolderError), source.open("plain.bin", start=len(whole)):
        pass


def test_a_part_behind_the_end_is_an_error_of_its_own(folder: SignedFolder) -> None:
    with pytest.raises(OutOfRangeError, match=r"plain\.bin: ends before its byte 99999999"):
        folder.open("plain.bin", start=99_999_999).__enter__()


def test_what_is_known_is_not_sent_and_what_is_missing_is_none(folder: SignedFolder) -> None:
    with folder.open("plain.bin") as body:
        assert body is not None
        etag = body.etag
    with pytest.raises(Unchanged), folder.open("plain.bin", unless=etag):
        pass
    with folder.open("nothing") as body:
        assert body is None


def test_refusals_are_told_in_words_and_never_show_a_secret(s3: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(url: str, **credentials: Any) -> str:
        with pytest.raises(FolderError) as error:
            read(SignedFolder(parse_address(url, Credentials(**credentials))), "x", 10)
        assert str(error.value).startswith(f"{url}/x: ")
        return str(error.value)

    key, secret = s3.environment["AWS_ACCESS_KEY_ID"], s3.environment["AWS_SECRET_ACCESS_KEY"]
    assert "there is no bucket 'nowhere'" in told("s3://nowhere")
    assert "does not accept these credentials (InvalidAccessKeyId)" in told("s3://autoware", key_id="x", secret=secret)
    wrong = told("s3://autoware", key_id=key, secret="wrong-secret")
    assert "does not accept these credentials (SignatureDoesNotMatch)" in wrong and "wrong-secret" not in wrong
    assert "cannot reach http://127.0.0.1:9" in told("s3://autoware", endpoint="http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "access denied without credentials; set AWS_ACCESS_KEY_ID" in told("s3://autoware")


def test_credentials_come_from_the_repository_then_the_environment_then_the_files(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def access(**given: str) -> tuple[str | None, str | None, str]:
        found = find_access(parse_address("s3://weights", Credentials(**given)))
        return found.signer and found.signer.access_key, found.signer and found.signer.token, found.base

    assert access() == (None, None, "https://weights.s3.us-east-1.amazonaws.com")
    (alone / ".aws").mkdir()
    (alone / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = file\naws_secret_access_key = s\n"
        "[other]\naws_access_key_id = other\naws_secret_access_key = s\n"
    )
    (alone / ".aws/config").write_text("[default]\nregion = eu-west-1\n[profile other]\nendpoint_url = http://h:1\n")
    assert access() == ("file", None, "https://weights.s3.eu-west-1.amazonaws.com")
    assert access(profile="other") == ("other", None, "http://h:1/weights")
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert access()[0] == "other"
    for name, value in {"ACCESS_KEY_ID": "env", "SECRET_ACCESS_KEY": "s", "SESSION_TOKEN": "t"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_REGION", "cn-north-1")
    assert access() == ("env", "t", "https://weights.s3.cn-north-1.amazonaws.com.cn")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")
    assert access(key_id="own", secret="s") == ("own", None, "http://127.0.0.1:1/weights")
    assert access(profile="other")[0] == "other"
    with pytest.raises(UsageError, match="profile"):
        access(profile="none")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "localhost", "s3://bucket", "http://"])
def test_an_endpoint_that_is_no_url_is_refused_with_how_to_write_it(
    endpoint: str, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="is no URL; write http://host:port"):
        find_access(parse_address("s3://weights", Credentials(endpoint=endpoint)))
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    for read_or_write in (find_access, S3Folder):
        with pytest.raises(UsageError, match="is no URL; write http://host:port"):
            read_or_write(parse_address("s3://weights"))


def test_half_a_pair_of_keys_and_an_impossible_bucket_are_refused(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="access_key_id and secret_access_key belong together"):
        find_access(parse_address("s3://weights", Credentials(key_id="x")))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    with pytest.raises(UsageError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong") as told:
        find_access(parse_address("s3://weights"))
    assert "hidden" not in str(told.value)
    with pytest.raises(UsageError, match="cannot be the name of a bucket"):
        find_access(parse_address("s3://b;d"))


def test_a_session_token_is_sent_and_signed(alone: Path) -> None:
    seen: list[dict[str, str]] = []

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        seen.append(dict(request.headers))
        return 200, {}, b"content"

    with scripted(answer) as base:
        assert read(folder_at(base, token="TOKEN"), "x", 10) == b"content"
    (headers,) = seen
    assert headers["X-Amz-Security-Token"] == "TOKEN"
    assert "x-amz-security-token" in headers["Authorization"] and "SECRET" not in str(headers)


def test_a_busy_or_breaking_server_is_asked_again_and_each_attempt_is_counted(alone: Path) -> None:
    busy: list[Answer | None] = [
        (503, {}, b"<Error><Code>SlowDown</Code></Error>"),
        None,
        (429, {"Retry-After": "0"}, b""),
        (500, {}, b""),
    ]
    asked: list[str] = []
    with scripted(lambda request: busy.pop(0) if busy else (200, {}, b"content")) as base:
        given = Credentials(endpoint=base, key_id="ID", secret="SECRET")
        address = parse_address("s3://b/zoo", given)
        folder = SignedFolder(address, lambda method, url: asked.append(f"{method} {url.removeprefix(base)}"))
        assert read(folder, "x y", 10) == b"content"
        assert asked == ["GET /b/zoo/x%20y"] * 5 and folder.requests == 5


def test_a_server_that_stays_busy_is_named_with_its_words(alone: Path) -> None:
    error = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>"
    with (
        scripted(lambda request: (503, {"Retry-After": "0"}, error)) as base,
        pytest.raises(FolderError, match=r"s3://b/zoo/x: the server answer.* 503 SlowDown"),
    ):
        read(folder_at(base), "x", 10)


def test_a_bucket_of_another_region_is_found_there(alone: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> Answer:
        if "/eu-west-3/" in request.headers["Authorization"]:
            return 200, {}, b"content"
        return 301, {"x-amz-bucket-region": "eu-west-3"}, b"<Error><Code>PermanentRedirect</Code></Error>"

    with scripted(answer) as base:
        folder = folder_at(base)
        assert read(folder, "x", 10) == b"content" == read(folder, "y", 10)
        assert folder.requests == 3


def test_a_signed_request_follows_no_redirect(alone: Path) -> None:
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        asked.append(request.path)
        return 307, {"Location": "/elsewhere"}, b""

    with scripted(answer) as base, pytest.raises(FolderError, match="the server answered 307"):
        read(folder_at(base), "x", 10)
    assert asked == ["/b/zoo/x"]


def test_a_body_that_breaks_off_or_stalls_is_a_broken_transfer(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T4ZOO_TIMEOUT", "0.3")
    stalled = [False]

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        if stalled[0]:
            request.protocol_version = "HTTP/1.0"
            request.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            request.wfile.flush()
            request.connection.recv(1)  # until the reader gives up
        return 200, {"Content-Length": "100"}, b"half"

    with scripted(answer) as base:
        for _ in range(2):
            with pytest.raises(BrokenTransferError, match="s3://b/zoo/x: the connection broke"):
                read(folder_at(base), "x", 1000)
            stalled[0] = True


def test_reading_s3_starts_without_boto3(s3: Server, prefix: str) -> None:
    code = (
        "import sys\n"
        "from t4zoo.zoo.address import parse_address\n"
        "from t4zoo.zoo.storage.folder import open_folder, read\n"
        f"assert read(open_folder(parse_address('s3://{s3.bucket}/{prefix}')), 'none', 10) is None\n"
        "print(sorted({'boto3', 'botocore.session', 'botocore.client'}.intersection(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
