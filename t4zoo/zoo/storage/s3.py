"""A folder in S3, read and conditionally written: nothing here deletes an object, or overwrites one unseen."""

from __future__ import annotations

import base64
import dataclasses
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ResponseStreamingError
from urllib3.exceptions import HTTPError

from t4zoo.errors import UsageError
from t4zoo.zoo.address import Address
from t4zoo.zoo.storage.connect import connect
from t4zoo.zoo.storage.explain import code_of, explain
from t4zoo.zoo.storage.folder import (
    CHUNK,
    Body,
    BrokenTransferError,
    Entry,
    FolderError,
    NotListedError,
    OnRequest,
    Unchanged,
    persistently,
)
from t4zoo.zoo.storage.multipart import EndedUploadError, PartsCopy
from t4zoo.zoo.storage.patience import COPYING, LARGE, silence
from t4zoo.zoo.storage.uploads import Uploads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, GetObjectOutputTypeDef, ListObjectsV2OutputTypeDef

COPY_LIMIT = 5 * 1024**3  # bytes that S3 copies in one request
PART = 512 * 1024**2  # bytes a part of a larger copy
FOREVER = "public, max-age=31536000, immutable"

_ABSENT = ("404", "NoSuchKey")
_UNCHANGED = ("304", "NotModified")
_EXISTS = ("412", "PreconditionFailed")
_BUSY = ("409", "ConditionalRequestConflict")  # two conditional writes met; the loser may ask again
_BUSY_TRIES = 8


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
        self._patient: S3Client | None = None
        self._silence = silence()
        self._client, self.anonymous = self._connect(self._silence)

    def _connect(self, seconds: float) -> tuple[S3Client, bool]:
        client, anonymous = connect(self.address, seconds)
        client.meta.events.register("before-send.s3", self._count)
        return client, anonymous

    def uploads(self, folder: str) -> Uploads:
        """The unfinished uploads below a folder of this one."""
        below = dataclasses.replace(self.address, url=self.address.url_of(folder), prefix=self.address.key(folder))
        return Uploads(below, (self._client, self.anonymous))

    def _client_for(self, size: int) -> S3Client:
        """The client to copy so many bytes with."""
        if size <= LARGE:
            return self._client
        with self._lock:
            if self._patient is None:
                self._patient, _ = self._connect(self._silence * COPYING)
            return self._patient

    def _count(self, request: Any, **_: Any) -> None:
        with self._lock:
            self.requests += 1
        if self._on_request:
            self._on_request(request.method, request.url.partition("?")[0])

    @contextmanager
    def open(
        self, path: str, unless: str | None = None, start: int = 0, end: int | None = None
    ) -> Iterator[Body | None]:
        """See `Folder.open`."""
        only = {} if unless is None else {"IfNoneMatch": f'"{unless}"'}
        part = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        answer = self._get(path, {**only, **part})
        if answer is None:
            yield None
            return
        try:
            if "ContentLength" not in answer:
                raise BrokenTransferError(f"{self.address.url_of(path)}: the answer broke off in its head")
            begins = start if "ContentRange" in answer else 0
            etag = answer.get("ETag", "").strip('"')
            yield Body(answer["ContentLength"], etag, self._chunks(answer["Body"], path), begins)
        finally:
            answer["Body"].close()

    def _get(self, path: str, options: dict[str, Any]) -> GetObjectOutputTypeDef | None:
        try:
            return self._client.get_object(Bucket=self.bucket, Key=self.address.key(path), **options)
        except ClientError as error:
            if code_of(error) in _UNCHANGED:
                raise Unchanged from None
            if code_of(error) in _ABSENT:
                return None
            self._fail(error, path)
        except BotoCoreError as error:
            self._fail(error, path)
        except HTTPError as error:  # a refusal that breaks off: its text is read where botocore expects nothing
            raise BrokenTransferError(f"{self.address.url_of(path)}: the answer broke off") from error

    def _chunks(self, stream: Any, path: str) -> Iterator[bytes]:
        try:
            yield from stream.iter_chunks(CHUNK)
        except (HTTPClientError, ResponseStreamingError) as error:
            raise BrokenTransferError(f"{self.address.url_of(path)}: the connection broke ({error})") from error
        except BotoCoreError as error:  # a body shorter than announced, or with another checksum
            raise BrokenTransferError(f"{self.address.url_of(path)}: {error}") from error

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """See `Folder.list`; one request a thousand objects."""
        start, token = len(self.address.key("x")) - 1, ""
        while True:
            page = persistently(lambda token=token: self._page(prefix, token))  # type: ignore[misc]
            for item in page.get("Contents", []):
                modified = item["LastModified"].isoformat()
                yield Entry(item["Key"][start:], item["Size"], item["ETag"].strip('"'), modified)
            token = page.get("NextContinuationToken", "")
            if not page["IsTruncated"]:
                return

    def _page(self, prefix: str, token: str) -> ListObjectsV2OutputTypeDef:
        whole = self.address.key("x")[:-1] + prefix
        try:
            if token:
                page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=whole, ContinuationToken=token)
            else:
                page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=whole)
        except (BotoCoreError, ClientError) as error:
            told = explain(error, self.address, prefix, self.anonymous)
            denied = isinstance(error, ClientError) and code_of(error) in ("AccessDenied", "403")
            raise NotListedError(str(told)) if denied else told from error
        if "IsTruncated" not in page:  # an answer that lost its body reads as an empty folder
            raise BrokenTransferError(f"{self.address.url_of(prefix)}: the listing broke off")
        return page

    def create(self, path: str, content: bytes, description: Description) -> bool:
        """Write a small object, checked by its sha256 on arrival; False, and nothing changed, if there is one.

        An answer that was lost is asked for again, so that the object that is there may be our own.
        """
        return self._unless_it_exists(path, lambda: self._put(path, content, description, IfNoneMatch="*"))

    def replace(self, path: str, content: bytes, etag: str, description: Description) -> bool:
        """Write a small object in the place of the one with `etag`; False, and nothing changed, if that is not there.

        Only what says more about a version than it is may change: the index, and a notice. Never a version's own file.
        """
        try:
            return self._unless_it_exists(path, lambda: self._put(path, content, description, IfMatch=f'"{etag}"'))
        except _AbsentError:
            return False

    def _put(self, path: str, content: bytes, description: Description, **condition: Any) -> None:
        self._client.put_object(
            Bucket=self.bucket,
            Key=self.address.key(path),
            Body=content,
            ChecksumSHA256=base64.b64encode(bytes.fromhex(description.sha256)).decode(),
            ContentType=description.content_type,
            CacheControl=description.cache_control,
            **condition,
        )

    def copy(self, source: S3Folder, path: str, etag: str, to: str, size: int, description: Description) -> str | None:
        """Copy the object `path` of `source` inside S3, if it still has `etag` and `to` does not exist.

        Returns the copy's etag, or None where `to` exists. Raises MissingSourceError when the source is not as checked.
        """
        act = self._copy_in_parts if size > self.copy_limit else self._copy_at_once
        result: list[str] = []

        def attempt() -> bool:
            return self._unless_it_exists(to, lambda: result.append(act(source, path, etag, to, size, description)))

        try:
            created = persistently(attempt)
        except _AbsentError:
            raise MissingSourceError(source.address.url_of(path)) from None
        except EndedUploadError:
            if not self._has(to):
                raise FolderError(f"{self.address.url_of(to)}: its upload was ended by another publisher") from None
            return None
        if created:
            return result[0] or None  # an answer without the tag leaves the copy to be looked at
        # 412 has two causes: the copy exists, or the source changed. Only the first leaves something to look at.
        if not self._has(to):
            raise MissingSourceError(source.address.url_of(path))
        return None

    def _has(self, path: str) -> bool:
        def once() -> bool:
            with self.open(path) as body:
                return body is not None

        return persistently(once)

    def _copy_at_once(
        self, source: S3Folder, path: str, etag: str, to: str, size: int, description: Description
    ) -> str:
        answer = self._client_for(size).copy_object(
            Bucket=self.bucket,
            Key=self.address.key(to),
            CopySource={"Bucket": source.bucket, "Key": source.address.key(path)},
            CopySourceIfMatch=f'"{etag}"',
            IfNoneMatch="*",
            MetadataDirective="REPLACE",
            Metadata={"sha256": description.sha256},
            ContentType=description.content_type,
            CacheControl=description.cache_control,
        )
        return answer.get("CopyObjectResult", {}).get("ETag", "").strip('"')

    def _copy_in_parts(
        self, source: S3Folder, path: str, etag: str, to: str, size: int, description: Description
    ) -> str:
        origin: CopySourceTypeDef = {"Bucket": source.bucket, "Key": source.address.key(path)}
        copy = PartsCopy(origin, etag, self.bucket, self.address.key(to), size, self.part)
        client = self._client_for(size)
        return copy.run(client, description.sha256, description.content_type, description.cache_control)

    def _unless_it_exists(self, path: str, act: Callable[[], object]) -> bool:
        for attempt in range(_BUSY_TRIES):
            try:
                act()
                return True
            except ClientError as error:
                code = code_of(error)
                if code in _EXISTS:
                    return False
                if code in _ABSENT:
                    raise _AbsentError from error
                if code not in _BUSY or attempt == _BUSY_TRIES - 1:
                    self._fail(error, path)
            except BotoCoreError as error:
                self._fail(error, path)
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311  (so that the rivals part)
        raise AssertionError("unreachable")

    def _fail(self, error: Exception, path: str) -> NoReturn:
        raise explain(error, self.address, path, self.anonymous) from error


class _AbsentError(Exception):
    """What was named in a write does not exist."""
