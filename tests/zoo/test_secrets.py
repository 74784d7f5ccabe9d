"""No credential is left behind: real commands, succeeding and failing, and then a search of everything they touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from t4zoo.zoo.storage.server import Server
from tests.zoo.repository import FOLDER, NAME, Repository, Result

WRONG = "WrongSecret0Wrong1Secret2Wrong3Secret4Wr"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("release", NAME, "--dry-run"),
    ("release", NAME),
    ("release", NAME),
    ("release", "CenterPoint/t4base@v1.0.1-x.y"),
    ("list",),
    ("list", "--json"),
    ("show", NAME),
    ("show", NAME, "--json"),
    ("verify", NAME),
    ("pull", NAME, "--to", "pulled"),
    ("show", "CenterPoint/t4base@v9.9.9"),
    ("doctor",),
    ("policy", "trainer"),
)
FAILING = (
    ("list", "--zoo", "s3://no-such-bucket/x"),
    ("list", "--zoo", "s3://t4zoo/../x"),
    ("show", "s3://t4zoo/x/models/a/b/v1.0.0"),
    ("release", "CenterPoint/t4base@v1.0.2"),
)


def whole(result: Result) -> bytes:
    return (result.out + result.err).encode()


def files(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below, but for the two that are credentials' own and private to their owner."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and path.name not in ("config.local", "iam.json"):
                yield str(path), path.read_bytes()


def history(repository: Repository) -> bytes:
    """All that git keeps, unpacked: commits, trees, files and tags."""
    listed = repository.run("git", "rev-list", "--objects", "--all", "--reflog").out
    names = "\n".join(line.split()[0] for line in listed.splitlines())
    command = ["git", "cat-file", "--batch"]
    return subprocess.run(command, cwd=repository.root, input=names.encode(), capture_output=True, check=True).stdout


def objects(repository: Repository, client: Any) -> Iterator[tuple[str, bytes]]:
    """What lies in S3, with what the server says beside the bytes."""
    prefix = repository.url.removeprefix(f"s3://{repository.bucket}/")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=repository.bucket, Prefix=prefix):
        for item in page["Contents"]:
            found = client.get_object(Bucket=repository.bucket, Key=item["Key"])
            headers = repr(found["ResponseMetadata"]["HTTPHeaders"]).encode()
            yield item["Key"], headers + found["Body"].read()


def find(secrets: tuple[str, ...], places: Iterator[tuple[str, bytes]]) -> list[tuple[str, str]]:
    wanted = [secret.encode() for secret in secrets]
    return [(place, secret.decode()) for place, content in places for secret in wanted if secret in content]


@pytest.mark.parametrize("kept", ["in the environment", "in .dvc/config.local"])
def test_no_credential_is_in_any_output_file_object_or_commit(
    repository: Repository, s3: Server, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    secrets = (s3.environment["AWS_SECRET_ACCESS_KEY"], s3.environment["AWS_ACCESS_KEY_ID"])
    if kept == "in .dvc/config.local":
        for option, value in s3.dvc_options.items():
            repository.dvc("remote", "modify", "--local", "store", option, value)
        for name in s3.environment:
            monkeypatch.delenv(name)
    told = [(" ".join(command), whole(repository.t4zoo(*command, check=False))) for command in (*COMMANDS, *FAILING)]
    # That the search finds what is there:
    assert find(secrets, iter([("iam.json", (s3.data / "iam.json").read_bytes())]))
    assert NAME.encode() in history(repository) and any(NAME.encode() in content for _, content in told)
    assert any(key.endswith("manifest.json") for key, _ in objects(repository, client))
    assert find(secrets, iter(told)) == []
    assert find(secrets, files(repository.root, tmp_path)) == []
    assert find(secrets, iter([("git", history(repository))])) == []
    assert find(secrets, objects(repository, client)) == []
    assert find(secrets[:1], files(s3.data)) == []  # the server's log names its users by their key's id


def test_a_secret_that_the_server_does_not_accept_is_not_told(
    published: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", WRONG)
    for command in (("list",), ("show", NAME), ("release", "CenterPoint/t4base@v1.0.9", "--dry-run"), ("doctor",)):
        told = published.t4zoo(*command, check=False)
        assert told.code != 0 and WRONG not in told.out + told.err and "Traceback" not in told.err
        assert "SignatureDoesNotMatch" in told.err


@pytest.mark.parametrize(
    "command",
    [
        ("list", "--zoo", f"https://user:{WRONG}@host/x"),
        ("list", "--zoo", f"https://host/x?X-Amz-Signature={WRONG}"),
        ("list", "--zoo", f"https://host/x#{WRONG}"),
        ("list", "--zoo", f"s3://user:{WRONG}@bucket/x"),
        ("list", "--zoo", f"http://[{WRONG}@"),
        ("show", f"https://user:{WRONG}@host/models/a/b/v1.0.0"),
        ("show", f"https://host/models/a/b/v1.0.0/?token={WRONG}"),
        ("pull", f"https://user:{WRONG}@host/models/a/b/v1.0.0", "--to", "x"),
        ("verify", f"https://{WRONG}@host/models/a/b/v1.0.0"),
        ("policy", "reader", "--url", f"s3://user:{WRONG}@bucket/x"),
        ("init", "--url", f"s3://user:{WRONG}@bucket/x"),
        ("init", "--url", "s3://bucket/x", "--endpoint", f"http://user:{WRONG}@127.0.0.1:9", "--dry-run"),
    ],
)
def test_a_url_with_a_secret_in_it_is_refused_and_not_repeated(
    repository: Repository, command: tuple[str, ...]
) -> None:
    told = repository.t4zoo(*command, check=False)
    assert told.code in (1, 2) and told.err and WRONG not in told.out + told.err and "Traceback" not in told.err
    assert find((WRONG,), files(repository.root)) == []


def test_an_endpoint_with_a_secret_in_it_is_refused_and_not_repeated(
    published: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:{WRONG}@127.0.0.1:9")
    for command in (("list",), ("show", NAME), ("doctor",), ("release", "CenterPoint/t4base@v1.0.9", "--dry-run")):
        told = published.t4zoo(*command, check=False)
        assert told.code in (1, 2) and WRONG not in told.out + told.err and "Traceback" not in told.err


def test_a_presigned_urls_permission_is_kept_nowhere(
    published: Repository, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"{published.zoo.removeprefix(f's3://{published.bucket}/')}/{FOLDER}/epoch_3.pth"
    url = client.generate_presigned_url("get_object", {"Bucket": published.bucket, "Key": key})
    signatures = tuple(value[0] for name, value in parse_qs(urlsplit(url).query).items() if "ignature" in name)
    assert signatures
    monkeypatch.setenv("T4ZOO_CACHE", str(tmp_path / "fetched"))
    code = "import sys; from t4zoo.zoo.reading.fetch import resolve; print(resolve(sys.argv[1]))"
    elsewhere = Repository(tmp_path, "")
    first = elsewhere.run(sys.executable, "-c", code, url)
    assert (
        Path(first.out.strip()).read_bytes()
        == (published.root / "models/CenterPoint/t4base/train/epoch_3.pth").read_bytes()
    )
    spoilt = elsewhere.run(sys.executable, "-c", code, url.replace("epoch_3.pth", "gone.pth"), check=False)
    assert spoilt.code != 0
    assert find(signatures, iter([("first", whole(first)), ("spoilt", whole(spoilt))])) == []
    assert find(signatures, files(tmp_path / "fetched")) == []
