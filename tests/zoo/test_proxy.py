"""The proxy of the fault tests and benchmarks: what it passes on untouched, and what it counts."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from t4zoo.zoo.storage.server import REGION, Server
from tests.zoo.proxy import Proxy


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.endpoint) as running:
        yield running


@pytest.fixture
def through(proxy: Proxy, s3: Server) -> Any:
    # A session of its own: boto3's shared one keeps the credentials that another test's environment had.
    return boto3.Session().client("s3", endpoint_url=proxy.endpoint, region_name=REGION)


@pytest.mark.parametrize("size", [0, 1, 5_000, 20_000_000])
def test_any_body_passes_both_ways_and_is_counted(
    proxy: Proxy, through: Any, s3: Server, prefix: str, size: int
) -> None:
    content = hashlib.shake_128(b"x").digest(size)
    key = {"Bucket": s3.bucket, "Key": f"{prefix}/object"}
    through.put_object(**key, Body=content)
    assert through.get_object(**key)["Body"].read() == content
    put, get = proxy.requests
    assert (put.method, get.method) == ("PUT", "GET") and put.path == f"/{s3.bucket}/{prefix}/object"
    assert size < put.sent < size + 2000 and put.received < 2000
    assert get.sent < 2000 and size < get.received < size + 2000


def test_parts_heads_and_refusals_pass_on_one_connection(
    proxy: Proxy, through: Any, s3: Server, prefix: str, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 4 * 12 * 1024  # 12 MiB: two parts of boto3's
    through.upload_fileobj(io.BytesIO(content), s3.bucket, f"{prefix}/parts")
    assert through.head_object(Bucket=s3.bucket, Key=f"{prefix}/parts")["ContentLength"] == len(content)
    with pytest.raises(through.exceptions.ClientError, match="404"):
        through.head_object(Bucket=s3.bucket, Key=f"{prefix}/nothing")
    with pytest.raises(through.exceptions.NoSuchKey):
        through.get_object(Bucket=s3.bucket, Key=f"{prefix}/nothing")
    through.download_file(s3.bucket, f"{prefix}/parts", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content
    through.delete_object(Bucket=s3.bucket, Key=f"{prefix}/parts")  # 204: an answer without a body
    assert [r.method for r in proxy.requests][:5] == ["POST", "PUT", "PUT", "POST", "HEAD"]
