"""A folder in S3, read and conditionally written: nothing here can overwrite or delete an object."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ProfileNotFound, ResponseStreamingError

from t4zoo.errors import UsageError
from t4zoo.zoo.address import Address
from t4zoo.zoo.storage.explain import explain
from t4zoo.zoo.storage.folder import CHUNK, Body, BrokenTransferError, Entry, OnRequest, Unchanged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef, GetObjectOutputTypeDef

COPY_LIMIT = 5 * 1024**3  # bytes that S3 copies in one request
PART = 512 * 1024**2  # bytes a part of a larger copy
FOREVER = "public, max-age=31536000, immutable"

_ABSENT = ("404", "NoSuchKey")
_UNCHANGED = ("304", "NotModified")
_EXISTS = ("412", "PreconditionFailed")
_BUSY = ("409", "ConditionalRequestConflict")  # two conditional writes met; the loser may ask again


class MissingSourceError(Exception):
    """The object to be copied is gone, or is no longer the one that was checked."""


@dataclass(frozen=True)
class Description:
    """What the server keeps beside an object's bytes."""

    content_type: str
    sha256: str
    cache_control: str = FOREVER


class S3Folder:
    """Objects below `address`; safe to share between threads."""

    def __init__(self, address: Address, on_request: OnRequest | None = None) -> None:
        """Connect lazily: nothing is sent yet."""
        if address.bucket is None:
            raise UsageError(f"{address.url}: only an s3:// address can be written or read as a store")
        self.address = address
        self.bucket: str = address.bucket
        self.requests = 0
        self.copy_limit = COPY_LIMIT
        self.part = PART
        self._on_request = on_request
        self._lock = threading.Lock()
        self._client, self.anonymous = _connect(address)
        self._client.meta.events.register("before-send.s3", self._count)

    def _count(self, request: Any, **_: Any) -> None:
        with self._lock:
            self.requests += 1
        if self._on_request:
            self._on_request(request.method, request.url.partition("?")[0])

    @contextmanager
    def open(self, path: str, unless: str | None = None) -> Iterator[Body | None]:
        """See `Folder.open`."""
        answer = self._get(path, unless)
        if answer is None:
            yield None
            return
        try:
            yield Body(answer["ContentLength"], answer["ETag"].strip('"'), self._chunks(answer["Body"], path))
        finally:
            answer["Body"].close()

    def _get(self, path: str, unless: str | None) -> GetObjectOutputTypeDef | None:
        bucket, key = self.bucket, self.address.key(path)
        try:
            if unless is None:
                return self._client.get_object(Bucket=bucket, Key=key)
            return self._client.get_object(Bucket=bucket, Key=key, IfNoneMatch=f'"{unless}"')
        except ClientError as error:
            if _code(error) in _UNCHANGED:
                raise Unchanged from None
            if _code(error) in _ABSENT:
                return None
            self._fail(error, path)
        except BotoCoreError as error:
            self._fail(error, path)

    def _chunks(self, stream: Any, path: str) -> Iterator[bytes]:
        try:
            yield from stream.iter_chunks(CHUNK)
        except (HTTPClientError, ResponseStreamingError) as error:
            raise BrokenTransferError(f"{self.address.url_of(path)}: the connection broke ({error})") from error
        except BotoCoreError as error:  # a body shorter than announced
            raise BrokenTransferError(f"{self.address.url_of(path)}: {error}") from error

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """See `Folder.list`; one request a thousand objects."""
        start = len(self.address.key("x")) - 1
        pages = self._client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.address.key("x")[:-1] + prefix):
                for item in page.get("Contents", []):
                    yield Entry(item["Key"][start:], item["Size"], item["ETag"].strip('"'))
        except (BotoCoreError, ClientError) as error:
            self._fail(error, prefix)

    def create(self, path: str, content: bytes, description: Description) -> bool:
        """Write a small object, checked by its sha256 on arrival; False, and nothing changed, if there is one."""
        checksum = base64.b64encode(bytes.fromhex(description.sha256)).decode()
        return self._unless_it_exists(
            path,
            lambda: self._client.put_object(
                Bucket=self.bucket,
                Key=self.address.key(path),
                Body=content,
                IfNoneMatch="*",
                ChecksumSHA256=checksum,
                ContentType=description.content_type,
                CacheControl=description.cache_control,
            ),
        )

    def copy(self, source: S3Folder, path: str, etag: str, to: str, size: int, description: Description) -> str | None:
        """Copy the object `path` of `source` inside S3, if it still has `etag` and `to` does not exist.

        Returns the copy's etag, or None where `to` exists. Raises MissingSourceError when the source is not as checked.
        """
        origin: CopySourceTypeDef = {"Bucket": source.bucket, "Key": source.address.key(path)}
        result: list[str] = []

        def act() -> None:
            if size > self.copy_limit:
                result.append(self._copy_in_parts(origin, etag, to, size, description))
                return
            answer = self._client.copy_object(
                Bucket=self.bucket,
                Key=self.address.key(to),
                CopySource=origin,
                CopySourceIfMatch=f'"{etag}"',
                IfNoneMatch="*",
                MetadataDirective="REPLACE",
                Metadata={"sha256": description.sha256},
                ContentType=description.content_type,
                CacheControl=description.cache_control,
            )
            result.append(answer["CopyObjectResult"]["ETag"].strip('"'))

        try:
            created = self._unless_it_exists(to, act)
        except _AbsentError:
            raise MissingSourceError(source.address.url_of(path)) from None
        if created:
            return result[0]
        # 412 has two causes: the copy exists, or the source changed. Only the first leaves something to look at.
        with self.open(to) as body:
            if body is None:
                raise MissingSourceError(source.address.url_of(path))
        return None

    def _copy_in_parts(self, source: CopySourceTypeDef, etag: str, to: str, size: int, description: Description) -> str:
        bucket, key = self.bucket, self.address.key(to)
        upload = self._client.create_multipart_upload(
            Bucket=bucket,
            Key=key,
            Metadata={"sha256": description.sha256},
            ContentType=description.content_type,
            CacheControl=description.cache_control,
        )["UploadId"]
        try:
            parts: list[CompletedPartTypeDef] = []
            for number, start in enumerate(range(0, size, self.part), 1):
                answer = self._client.upload_part_copy(
                    Bucket=bucket,
                    Key=key,
                    UploadId=upload,
                    PartNumber=number,
                    CopySource=source,
                    CopySourceIfMatch=f'"{etag}"',
                    CopySourceRange=f"bytes={start}-{min(start + self.part, size) - 1}",
                )
                parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
            done = self._client.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
            raise
        return done["ETag"].strip('"')

    def _unless_it_exists(self, path: str, act: Any) -> bool:
        for attempt in range(8):
            try:
                act()
                return True
            except ClientError as error:
                code = _code(error)
                if code in _EXISTS:
                    return False
                if code in _ABSENT:
                    raise _AbsentError from error
                if code not in _BUSY or attempt == 7:
                    self._fail(error, path)
            except BotoCoreError as error:
                self._fail(error, path)
        raise AssertionError("unreachable")

    def _fail(self, error: Exception, path: str) -> NoReturn:
        raise explain(error, self.address, path, self.anonymous) from error


class _AbsentError(Exception):
    """What was named in a write does not exist."""


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _connect(address: Address) -> tuple[S3Client, bool]:
    credentials = address.credentials
    try:
        session = boto3.Session(
            aws_access_key_id=credentials.key_id,
            aws_secret_access_key=credentials.secret,
            aws_session_token=credentials.token,
            profile_name=credentials.profile,
            region_name=credentials.region,
        )
        anonymous = session.get_credentials() is None
        own_server = credentials.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        config = Config(
            signature_version=UNSIGNED if anonymous else None,
            retries={"mode": "standard", "total_max_attempts": 4},
            max_pool_connections=16,
            connect_timeout=10,
            read_timeout=300,  # a copy of 5 GB answers when it is done
            # Amazon wants the bucket in the host's name; a server known by address or alias has only one name.
            s3={"addressing_style": "path" if own_server else "auto"},
        )
        client = session.client(
            "s3", endpoint_url=credentials.endpoint, config=config, verify=None if credentials.verify_tls else False
        )
    except ProfileNotFound as error:
        raise UsageError(f"{address.url}: {error}; ~/.aws/config or .dvc/config.local names it") from error
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"{address.url}: {error}") from error
    return client, anonymous
